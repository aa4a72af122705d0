"""Files of other people's repositories, and the lines that are made of them: what `outside.py` and `orders.py` share."""

import json
import subprocess


def shown(checkout, path):
    """A file as the newest commit has it, whether the checkout is bare or not."""
    command = ["git", "-C", checkout, "show", f"HEAD:{path}"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def listed(checkout, folder):
    """The paths of the files below a folder."""
    command = ["git", "-C", checkout, "ls-tree", "-r", "-z", "--name-only", "HEAD", folder]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode().strip("\0").split("\0")


def write(out, name, rows):
    """A line of JSON for each row, into the file of that name; tells how many there are."""
    rows = list(rows)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in rows))
    print(f"{name}: {len(rows)} texts")
