"""What the test programs share: where to send, what to expect, the lines they print.

A program is run with `--direct URL` (the made-up provider itself: shows that the program is right) or with
`--gateway URL --refusal URL` (a gateway that blocks with errors, and one that blocks with refusals).
"""

import argparse
import asyncio
import faulthandler
import gc
import inspect
import json
import pathlib
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import words  # noqa: E402

MODEL = "mill-1"
NEVER = ("jane.doe", "example.com", words.PHRASE)


class Failed(Exception):
    """What was seen is not what the SDK's users expect."""


class Skip(Exception):
    """The case has no meaning here."""


def same(seen, wanted, what="answer"):
    if seen != wanted:
        raise Failed(f"{what}: wanted {wanted!r}, seen {seen!r}")


def holds(truth, what):
    if not truth:
        raise Failed(what)


class Program:
    """One SDK's cases."""

    def __init__(self, sdk):
        self.sdk = sdk
        self.cases = []
        parser = argparse.ArgumentParser()
        parser.add_argument("--direct")
        parser.add_argument("--gateway")
        parser.add_argument("--refusal")
        parser.add_argument("--only", default="")
        self.args = parser.parse_args()
        self.direct = bool(self.args.direct)
        self.base = self.args.direct or self.args.gateway
        self.only = self.args.only

    def case(self, name, gateway=False, refusal=False):
        """A case; `gateway`: only through a gateway, `refusal`: through the one that blocks with refusals."""

        def add(run):
            self.cases.append((name, run, gateway or refusal, refusal))
            return run

        return add

    def masked(self, text):
        """The text as it must arrive."""
        return text if self.direct else text.replace(words.MAIL, words.MARK)

    def arguments(self, seen):
        """Tool-call arguments as they must arrive; text or object."""
        seen = json.loads(seen) if isinstance(seen, str) else dict(seen)
        same(seen, {**words.ARGUMENTS, "to": self.masked(words.MAIL)}, "tool arguments")

    def quiet(self, seen):
        """Nothing that had to go is anywhere in what the SDK holds."""
        if not self.direct:
            seen = seen if isinstance(seen, str) else repr(seen)
            for never in NEVER:
                holds(never not in seen, f"{never!r} came through: {seen[:300]}")

    def echo(self, seen):
        """What the provider says that it read."""
        wanted = "my address is " + ("jane.doe AT example.com" if self.direct else words.MARK)
        holds(wanted in seen, f"the provider read {seen!r}")

    def cut(self, seen):
        """The text before a block in mid-stream: some of what stands before the phrase, nothing after it."""
        same(seen, words.CUT.split(words.PHRASE)[0][: len(seen)], "text before the block")
        self.quiet(seen)

    def raises(self, kinds, run, check=None):
        """Runs and returns the exception of the kind wanted."""
        try:
            seen = run()
        except kinds as error:
            if check:
                check(error)
            self.quiet(str(error))
            return error
        raise Failed(f"no exception but {str(seen)[:300]!r}")

    def main(self):
        # Whoever hangs says where.
        faulthandler.dump_traceback_later(200, exit=True)
        passed = failed = skipped = 0
        for name, run, gateway, refusal in self.cases:
            if self.only not in name:
                continue
            label = f"{self.sdk}: {name}"
            base = self.args.refusal if refusal else self.base
            if not base or (gateway and self.direct):
                skipped += 1
                print(f"skip {label}", flush=True)
                continue
            try:
                out = run(base)
                if inspect.isawaitable(out):
                    asyncio.run(asyncio.wait_for(out, 60))
                passed += 1
                print(f"ok {label}", flush=True)
            except Skip as why:
                skipped += 1
                print(f"skip {label} {why}", flush=True)
            except Exception as why:
                failed += 1
                text = " ".join(f"{type(why).__name__}: {why}".split())
                print(f"not ok {label} {text[:700]}", flush=True)
                if not isinstance(why, Failed):
                    traceback.print_exc(limit=-2)
            # A stream that an exception left unread lies in a cycle. httpcore closes it when it is collected, under a lock that the next
            # request may just hold: it would wait for itself for ever (litellm after a block in mid-stream, one run in twenty).
            gc.collect()
        print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
        sys.exit(1 if failed else 0)
