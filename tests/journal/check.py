#!/usr/bin/env python3
"""Two verifiers, one verdict: the program's own and `verify.py`, over journals that a running gateway wrote and that were then changed.

    check.py PROGRAM
"""

import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
CHANGES = 60


def serve(program, state):
    arguments = [program, "serve", "--state", state, "--data", "127.0.0.1:0", "--operations", "127.0.0.1:0"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    address = process.stdout.readline().split("http://")[1].strip()
    return process, address


def exchange(address, stream, content):
    connection = http.client.HTTPConnection(address, timeout=60)
    body = {"model": "demo", "stream": stream, "messages": [{"role": "user", "content": content}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
    response = connection.getresponse()
    response.read()
    return response.getheader("x-sluicegate-exchange")


def verdicts(program, journal, key, *kept):
    own = [program, "audit", "verify", "--journal", journal, "--key", key]
    for path in kept:
        own += ["--kept", path]
    other = [sys.executable, HERE / "verify.py", journal, key, *kept]
    return [subprocess.run(command, capture_output=True, text=True) for command in (own, other)]


def main(program):
    passed = failed = 0

    def expect(what, found, wanted):
        nonlocal passed, failed
        if found == wanted:
            passed += 1
        else:
            failed += 1
            print(f"{what}: {found}, expected {wanted}")

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        state, kept = folder / "state", folder / "kept"
        names = []
        for ending in (signal.SIGKILL, signal.SIGTERM):
            process, address = serve(program, state)
            names += [exchange(address, n % 2 == 0, "block" if n % 5 == 0 else "hello") for n in range(20)]
            if ending == signal.SIGKILL:
                # A checkpoint comes within a second.
                until = time.monotonic() + 20
                while not (state / "journal/log/checkpoint").exists() and time.monotonic() < until:
                    time.sleep(0.05)
                shutil.copy(state / "journal/log/checkpoint", kept)
            process.send_signal(ending)
            process.wait(timeout=60)
        journal = state / "journal"
        key = (journal / "log/key").read_text().strip()
        for result in verdicts(program, journal, key, kept):
            expect(f"the journal ({result.stdout.strip()} {result.stderr.strip()})", result.returncode, 0)
        # Proofs, and proofs of something else.
        for name in names[:2] + names[-2:]:
            proof = subprocess.run([program, "audit", "prove", name, "--state", state], capture_output=True, text=True).stdout
            for change, wanted in ((lambda text: text, 0), (lambda text: text.replace("demonstration", "demonstratiom", 1), 1)):
                path = folder / "proof.json"
                path.write_text(change(proof))
                own = [program, "audit", "verify", "--proof", path, "--key", key]
                other = [sys.executable, HERE / "verify.py", "--proof", path, key]
                for command in (own, other):
                    expect(f"a proof of {name}", subprocess.run(command, capture_output=True).returncode, wanted)
        # Changes of records, whose sums are made to fit or not.
        segments = sorted(journal.glob("*.sgj"))

        def changed(number):
            dice = random.Random(number)
            copy = folder / f"copy-{number}"
            shutil.copytree(journal, copy)
            path = copy / dice.choice(segments).name
            data = bytearray(path.read_bytes().rstrip(b"\0"))
            at = dice.randrange(len(data))
            if number % 3 == 0:
                data[at] ^= 1 << dice.randrange(8)
            elif number % 3 == 1:
                del data[at:at + dice.randrange(1, 400)]
            else:
                data = data[:at]
            path.write_bytes(data)
            results = verdicts(program, copy, key)
            shutil.rmtree(copy)
            said = [result.stdout.strip() for result in results]
            return f"change {number} of {path.name} at {at}: {said}", [r.returncode for r in results]

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for what, codes in pool.map(changed, range(CHANGES)):
                expect(what, codes, [1, 1])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(str(pathlib.Path(sys.argv[1]).resolve())))
