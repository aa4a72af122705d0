#!/usr/bin/env python3
"""Writes tests/fixtures/fields/<dialect>.tsv from the official SDKs' own types, or checks that what stands there is up to date.

    tests/sdk/inventory/fields.py           write
    tests/sdk/inventory/fields.py --check   compare, say what differs, exit 1

Columns: operation, kind (request, answer, event), path, type, which SDKs have it (py, node). What the types mean stands in
walk_python.py. The listing is data of this repository, so that the coverage test needs no SDK; with the SDKs present (scripts/sdk-setup)
the check shows that it is theirs.
"""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
FIELDS = ROOT / "tests" / "fixtures" / "fields"
SDK = pathlib.Path(os.environ.get("SLUICEGATE_SDK_DIR", ROOT / ".cache" / "sdk"))


def walk(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[1]} failed: see above")
    return {tuple(line.split("\t")) for line in done.stdout.splitlines()}


def listing():
    """Dialect to lines."""
    found = {}
    walks = (
        ("py", walk([str(SDK / "py" / "bin" / "python"), str(HERE / "walk_python.py")])),
        ("node", walk(["node", str(HERE / "walk_node.mjs"), str(SDK / "node")])),
    )
    for sdk, rows in walks:
        for dialect, operation, kind, path, what in rows:
            types, sdks = found.setdefault(dialect, {}).setdefault((operation, kind, path), (set(), set()))
            types.add(what)
            sdks.add(sdk)
    out = {}
    for dialect, rows in found.items():
        lines = ["# Made by tests/sdk/inventory/fields.py from the official SDKs' types; do not edit.", "# operation\tkind\tpath\ttype\tsdk"]
        for (operation, kind, path), (types, sdks) in sorted(rows.items()):
            lines.append("\t".join((operation, kind, path, "|".join(sorted(types)), ",".join(sorted(sdks)))))
        out[dialect] = lines
    return out


def main():
    check = sys.argv[1:] == ["--check"]
    differ = False
    for dialect, lines in listing().items():
        file = FIELDS / f"{dialect}.tsv"
        if not check:
            FIELDS.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join(lines) + "\n")
            print(f"{file.relative_to(ROOT)}: {len(lines) - 2} fields")
            continue
        have = set(file.read_text().splitlines())
        want = set(lines)
        for line in sorted(want - have):
            print(f"{file.name}: missing: {line}")
        for line in sorted(have - want):
            print(f"{file.name}: no longer there: {line}")
        differ |= have != want
        print(f"{'not ok' if have != want else 'ok'} fields of {dialect}")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
