"""Starts and stops what the suites need: the made-up provider, gateways, other servers; each on a free port of this machine."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SDK = pathlib.Path(os.environ.get("SLUICEGATE_SDK_DIR", ROOT / ".cache" / "sdk"))
DIALECTS = ["openai", "anthropic", "gemini", "ollama"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fetch(url, timeout=2.0):
    """Status and text."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")


def wait_for(probe, what, process, seconds=30):
    """Waits until the probe is true; says what died or hung else."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"{what} ended with {process.returncode} before it was ready")
        with contextlib.suppress(OSError):
            if probe():
                return
        time.sleep(0.05)
    raise SystemExit(f"{what} is not ready after {seconds} s")


def listening(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def binary():
    """The gateway: what the environment names, or the newest build."""
    if named := os.environ.get("SLUICEGATE_BIN"):
        return pathlib.Path(named)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [p for p in (target / "debug" / "sluicegate", target / "release" / "sluicegate") if p.exists()]
    if not built:
        raise SystemExit("no sluicegate binary: run `cargo build`, or name one in SLUICEGATE_BIN")
    return max(built, key=lambda p: p.stat().st_mtime)


class Gateway:
    """A running gateway."""

    def __init__(self, folder, name, upstream, policy, server="", dialects=DIALECTS):
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        self.data, self.operations = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.data}"
        self.log = self.folder / "log"
        config = self.folder / "sluicegate.toml"
        config.write_text(
            "\n".join(
                [
                    "schema = 1",
                    "[server]",
                    f'data = "127.0.0.1:{self.data}"',
                    f'operations = "127.0.0.1:{self.operations}"',
                    f'state = "{self.folder / "state"}"',
                    server,
                    "[policy]",
                    *(f"{key} = {toml(value)}" for key, value in policy.items()),
                    "[[upstream]]",
                    'name = "provider"',
                    f"dialects = {toml(list(dialects))}",
                    f'base_url = "{upstream}"',
                    "credential = { passthrough = true }",
                    "",
                ]
            )
        )
        with self.log.open("wb") as log:
            # A shell's variables for other gateways must not reach this one.
            clean = {k: v for k, v in os.environ.items() if not k.startswith("SLUICEGATE_")}
            self.process = subprocess.Popen(
                [str(binary()), "serve", "--config", str(config)], stdout=log, stderr=subprocess.STDOUT, env=clean
            )

    def ready(self, seconds=30):
        try:
            wait_for(lambda: fetch(f"http://127.0.0.1:{self.operations}/readyz")[0] == 200, f"gateway {self.name}", self.process, seconds)
        except SystemExit:
            sys.stderr.write(self.log.read_text(errors="replace")[-4000:])
            raise

    def metrics(self):
        return fetch(f"http://127.0.0.1:{self.operations}/metrics")[1]


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


class Stage:
    """Everything that one run started; ends it all."""

    def __enter__(self):
        self.keep = os.environ.get("SLUICEGATE_KEEP")
        self.temp = tempfile.mkdtemp(prefix="sluicegate-") if self.keep else tempfile.TemporaryDirectory(prefix="sluicegate-")
        self.folder = pathlib.Path(self.temp if self.keep else self.temp.name)
        self.processes = []
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        if self.keep:
            print(f"kept: {self.folder}", file=sys.stderr)
        else:
            self.temp.cleanup()

    def provider(self):
        """The made-up provider; its URL."""
        process = subprocess.Popen([sys.executable, str(HERE / "mock_upstream.py")], stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        return f"http://127.0.0.1:{int(process.stdout.readline())}"

    def server(self, command, port, **more):
        """Any other server that listens on a port of ours."""
        log = (self.folder / f"server-{port}").open("wb")
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, **more)
        self.processes.append(process)
        wait_for(lambda: listening(port), command[0], process)
        return f"http://127.0.0.1:{port}"

    def gateway(self, name, upstream, policy, **more):
        gateway = Gateway(self.folder, name, upstream, policy, **more)
        self.processes.append(gateway.process)
        return gateway
