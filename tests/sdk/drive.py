#!/usr/bin/env python3
"""Runs the official SDKs' programs through the gateway, against the made-up provider.

    tests/sdk/drive.py             through two gateways (one blocks with errors, one with refusals)
    tests/sdk/drive.py --direct    without a gateway: shows that the programs themselves are right
    tests/sdk/drive.py --only X    only programs whose name holds X

The gateway's binary is the newest build, or what SLUICEGATE_BIN names. SLUICEGATE_SDK=skip leaves the SDKs out, loudly.
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import time

import harness
import words
from harness import HERE, ROOT, SDK

PROGRAMS = [
    ("py2", "sdk_litellm.py"),
    ("py", "sdk_openai.py"),
    ("node", "sdk_ai.mjs"),
    ("py2", "sdk_llama_index.py"),
    ("py", "sdk_langchain.py"),
    ("py", "sdk_google_genai.py"),
    ("py", "sdk_anthropic.py"),
    ("node", "sdk_openai.mjs"),
    ("node", "sdk_anthropic.mjs"),
    ("node", "sdk_google_genai.mjs"),
    ("py", "sdk_ollama.py"),
    ("node", "sdk_ollama.mjs"),
]
POLICY = {
    "dir": str(HERE / "policy"),
    "profile": "sdk",
    "complaints.url": "https://help.example/object?id={exchange}",
    "complaints.answered_within_days": 15,
}


def run(kind, program, arguments):
    if kind == "node":
        command = ["node", str(HERE / "node" / program)]
    else:
        command = [str(SDK / kind / "bin" / "python"), str(HERE / "py" / program)]
    # Nothing from the developer's own environment may lead an SDK elsewhere.
    clean = {k: v for k, v in os.environ.items() if not re.match(r"(OPENAI|ANTHROPIC|GEMINI|GOOGLE|OLLAMA|LITELLM)_|.*_proxy$", k, re.IGNORECASE)}
    begun = time.monotonic()
    try:
        done = subprocess.run(command + arguments, capture_output=True, text=True, timeout=240, env=clean, check=False)
        out, err, code = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as late:
        out, err, code = (late.stdout or b"").decode(), "still running after 240 s", 1
    return f"{kind}/{program}", out, err, code, time.monotonic() - begun


def quiet(gateways):
    """Nothing of what the gateways masked or blocked stands in their logs, metrics or journal; no panic was counted."""
    failed = []
    for gateway in gateways:
        texts = {"metrics": gateway.metrics(), "log": gateway.log.read_text(errors="replace")}
        for file in (gateway.folder / "state").rglob("*"):
            if file.is_file():
                texts[f"state/{file.name}"] = file.read_bytes().decode("latin-1")
        for where, text in texts.items():
            for word in (words.MAIL, words.PHRASE, "sk-test-of-the-client", "sk-ant-test-of-the-client"):
                if word in text:
                    failed.append(f"{gateway.name}: {word!r} stands in {where}")
        panics = re.findall(r"^sluicegate_panics\w*(?:\{[^}]*\})? ([0-9.]+)", texts["metrics"], re.MULTILINE)
        if any(float(n) for n in panics):
            failed.append(f"{gateway.name}: panics: {panics}")
        if not panics:
            failed.append(f"{gateway.name}: no metric of panics")
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--direct", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--case", default="")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    if os.environ.get("SLUICEGATE_SDK") == "skip":
        print("SKIPPED: official SDKs (SLUICEGATE_SDK=skip)", file=sys.stderr)
        print("0 passed, 0 failed, 1 skipped")
        return 0
    subprocess.run([str(ROOT / "scripts" / "sdk-setup")], check=True)
    counts = {"ok": 0, "not ok": 0, "skip": 0}
    failures = []
    with harness.Stage() as stage:
        provider = stage.provider()
        gateways = []
        if args.direct:
            arguments = ["--direct", provider]
        else:
            gateways = [stage.gateway(how, provider, POLICY | {"block_as": how}) for how in ("error", "refusal")]
            for gateway in gateways:
                gateway.ready()
            arguments = ["--gateway", gateways[0].url, "--refusal", gateways[1].url]
        if args.case:
            arguments += ["--only", args.case]
        chosen = [p for p in PROGRAMS if args.only in f"{p[0]}/{p[1]}"]
        workers = max(2, os.cpu_count() or 2)
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for name, out, err, code, seconds in pool.map(lambda p: run(*p, arguments), chosen):
                lines = [line for line in out.splitlines() if line.startswith(("ok ", "not ok ", "skip "))]
                for line in lines:
                    word = "not ok" if line.startswith("not ok") else line.split(" ")[0]
                    counts[word] += 1
                    if word == "not ok":
                        failures.append(line)
                    if word == "not ok" or args.verbose:
                        print(line)
                bad = any(line.startswith("not ok") for line in lines)
                if code and not bad:
                    counts["not ok"] += 1
                    failures.append(f"not ok {name} ended with {code} after {lines[-1:]}: {err[-1500:]}")
                    print(failures[-1])
                if err and (code or args.verbose):
                    print(err[-3000:], file=sys.stderr)
                good = sum(line.startswith("ok") for line in lines)
                print(f"# {name}: {good} of {len(lines)} in {seconds:.0f} s", flush=True)
        for problem in quiet(gateways):
            counts["not ok"] += 1
            failures.append(f"not ok {problem}")
        counts["ok"] += len(gateways)
        for gateway in gateways:
            if gateway.process.poll() is not None:
                counts["not ok"] += 1
                failures.append(f"not ok gateway {gateway.name} ended with {gateway.process.returncode}")
            if failures:
                print(gateway.log.read_text(errors="replace")[-3000:], file=sys.stderr)
    # Once more at the end, which is what a long log is cut to.
    for failure in failures:
        print(failure)
    print(f"{counts['ok']} passed, {counts['not ok']} failed, {counts['skip']} skipped")
    return 1 if counts["not ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
