#!/usr/bin/env python3
"""What others say of a journal, by two verifiers and by OpenSSL: a gateway before a witness and before a timestamp service, which is
`openssl ts` behind a small HTTP server.

    vouched.py PROGRAM
"""

import http.client
import http.server
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 60
SERVICE = """
[tsa]
default_tsa = service
[service]
serial = {folder}/{name}.serial
signer_digest = {digest}
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = {digest}
[certificate]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
"""
GATEWAY = """
schema = 1
[server]
data = "127.0.0.1:0"
operations = "127.0.0.1:0"
state = "state"
[journal]
witness_every = "100ms"
[[upstream]]
name = "demonstration"
dialects = ["openai"]
base_url = "demonstration:"
"""
passed = failed = 0


def expect(what, found, wanted):
    global passed, failed
    if found == wanted:
        passed += 1
    else:
        failed += 1
        print(f"{what}: {found}, expected {wanted}")


def wait(what, until):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if until():
            return True
        time.sleep(0.1)
    print(f"{what}: waited in vain")
    return False


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout


def authority(folder, name):
    """A certificate authority: its key and its certificate."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate, "-days", 30, "-subj", f"/CN={name}")
    return key, certificate


class Service:
    """A timestamp service at an address of its own."""

    def __init__(self, folder, ca, name, kind, digest):
        self.config, self.key, self.certificate = (folder / f"{name}.{end}" for end in ("cnf", "key", "pem"))
        self.config.write_text(SERVICE.format(folder=folder, name=name, digest=digest))
        (folder / f"{name}.serial").write_text("01")
        request = folder / f"{name}.csr"
        openssl("req", "-new", "-newkey", *kind, "-nodes", "-keyout", self.key, "-out", request, "-subj", f"/O=Test/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", ca[1], "-CAkey", ca[0], "-CAcreateserial", "-days", 20, "-extfile", self.config, "-extensions", "certificate", "-out", self.certificate)
        # What is done to an answer before it goes out.
        self.twist = lambda answer: answer
        self.asked = 0
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                query, answer = folder / f"{name}.tsq", folder / f"{name}.tsr"
                query.write_bytes(self.rfile.read(int(self.headers["content-length"])))
                openssl("ts", "-reply", "-config", service.config, "-queryfile", query, "-signer", service.certificate, "-inkey", service.key, "-out", answer)
                body = service.twist(answer.read_bytes())
                service.asked += 1
                self.send_response(200)
                self.send_header("content-type", "application/timestamp-reply")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def start(*command):
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().split("http://")[1].strip().split("/")[0]


def stop(process):
    process.send_signal(signal.SIGTERM)
    expect("a clean stop", process.wait(timeout=PATIENCE), 0)


def exchange(address):
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    body = {"model": "demo", "messages": [{"role": "user", "content": "hello"}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
    connection.getresponse().read()


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        ca, stranger = authority(folder, "authority"), authority(folder, "stranger")
        services = {
            "rsa": Service(folder, ca, "rsa", ["rsa:2048"], "sha256"),
            "ec": Service(folder, ca, "ec", ["ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"], "sha384"),
            "twisted": Service(folder, ca, "twisted", ["rsa:2048"], "sha256"),
            "foreign": Service(folder, stranger, "foreign", ["rsa:2048"], "sha256"),
        }
        # An answer to another request, and a service that nobody pinned.
        old = []
        services["twisted"].twist = lambda answer: old.append(answer) or old[0][:-1] + bytes([old[0][-1] ^ 1])
        # The gateway's key is made by a first start.
        config = folder / "gateway.toml"
        config.write_text(GATEWAY)
        gateway, address = start(program, "serve", "--config", config)
        exchange(address)
        stop(gateway)
        journal = folder / "state/journal"
        key = (journal / "log/key").read_text().strip()
        made = subprocess.run([program, "audit", "witness", "keygen", "--name", "auditor.example/w1", "--key", folder / "w.key"], capture_output=True, text=True)
        auditor = made.stdout.strip()
        witness, seat = start(program, "audit", "witness", "--listen", "127.0.0.1:0", "--key", folder / "w.key", "--state", folder / "witness", "--log", key)
        anchors = "".join(f'[[anchor]]\nname = "{name}"\nkind = "rfc3161"\nurl = "{one.url}"\nroots = "authority.pem"\nevery = "200ms"\n' for name, one in services.items())
        config.write_text(GATEWAY + anchors + f'[[witness]]\nname = "auditor"\nurl = "http://{seat}/watch"\nkey = "{auditor}"\n')
        gateway, address = start(program, "serve", "--config", config)
        tokens = lambda name: sorted((journal / "log/anchored").glob(f"{name}.*.tsr"))
        for _ in range(3):
            before = {name: len(tokens(name)) for name in ("rsa", "ec")}
            exchange(address)
            for name, count in before.items():
                expect(f"a token of {name}", wait(name, lambda: len(tokens(name)) > count), True)
        expect("the others were asked", wait("the others", lambda: all(services[name].asked > 1 for name in ("twisted", "foreign"))), True)
        stop(gateway)
        expect("tokens that do not hold are not kept", [tokens("twisted"), tokens("foreign")], [[], []])

        def both(where, *more):
            own = [program, "audit", "verify", "--journal", where, "--key", key, "--witness", auditor, "--tsa", ca[1], "--format", "json", *more]
            other = [sys.executable, HERE / "verify.py", "--witness", auditor, where, key]
            return [subprocess.run([str(part) for part in command], capture_output=True, text=True) for command in (own, other)]

        own, other = both(journal)
        expect(f"the program ({own.stdout}{own.stderr})", own.returncode, 0)
        expect(f"the other verifier ({other.stdout})", other.returncode, 0)
        told = json.loads(own.stdout)
        expect("both say the same of the witness", f"seen by auditor.example/w1: {told['witnesses'][0]['records']} records" in other.stdout, True)
        expect("all of it was seen", told["witnesses"][0]["records"], told["records"])
        expect("all tokens", len(told["timestamps"]), len(tokens("rsa")) + len(tokens("ec")))

        def stamped(token, *more):
            """Whether OpenSSL takes it for a timestamp of the checkpoint beside it."""
            command = ["openssl", "ts", "-verify", "-in", token, "-data", token.with_suffix(".checkpoint"), "-CAfile", ca[1], *more]
            return subprocess.run([str(part) for part in command], capture_output=True).returncode

        for token in tokens("rsa") + tokens("ec"):
            expect(f"OpenSSL on {token.name}", stamped(token), 0)
        # Times as OpenSSL reads them.
        for name, count in (("rsa", 1), ("ec", 1)):
            text = openssl("ts", "-reply", "-in", tokens(name)[0], "-text").decode()
            line = next(line for line in text.splitlines() if line.startswith("Time stamp: "))
            moment = time.strptime(line.removeprefix("Time stamp: ").removesuffix(" GMT"), "%b %d %H:%M:%S %Y")
            expect(f"the time of {name}", any(one["time"][:19] == time.strftime("%Y-%m-%dT%H:%M:%S", moment) for one in told["timestamps"]), True)
        # Both find the same: a token of another checkpoint, another authority, a changed byte in each.
        copy = folder / "copy"
        for name in ("rsa", "ec"):
            first, last = tokens(name)[0], tokens(name)[-1]
            for what, twist in (("another token", last.read_bytes()), ("a changed byte", bytes([*first.read_bytes()[:-20], first.read_bytes()[-20] ^ 4, *first.read_bytes()[-19:]]))):
                shutil.copytree(journal, copy)
                token = copy / "log/anchored" / first.name
                token.write_bytes(twist)
                own, _ = both(copy)
                expect(f"{name}, {what}: OpenSSL and the program", [stamped(token) != 0, own.returncode], [True, 1])
                shutil.rmtree(copy)
        own = subprocess.run([program, "audit", "verify", "--journal", journal, "--key", key, "--tsa", stranger[1]], capture_output=True, text=True)
        expect("another authority", own.returncode, 1)
        # A cosignature with a changed byte: found by both.
        shutil.copytree(journal, copy)
        path = copy / "log/cosigned/auditor.checkpoint"
        text = path.read_text()
        at = text.rindex("\u2014") + len("\u2014 auditor.example/w1 ") + 30
        path.write_text(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:])
        expect("a changed cosignature", [result.returncode for result in both(copy)], [1, 1])
        shutil.rmtree(copy)
        stop(witness)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(str(pathlib.Path(sys.argv[1]).resolve())))
