#!/usr/bin/env python3
"""Verifies a bundle of `sluicegate incident create` without a line of Sluicegate's own code.

    incident.py BUNDLE KEY [WITNESS...]    KEY and WITNESS are public keys

The bundle is a ZIP whose first file, `manifest`, is a signed note: the line `sluicegate incident v1`, the journal's name, the bundle's id, and a line
`SHA-256 SIZE NAME` for each other file, in order. Python's own zipfile has to give the same bytes from these files: so no byte of it is without a
signature. Records and checkpoints are verified by verify.py. Exit status: 0 sound, 1 not.
"""

import base64
import hashlib
import io
import json
import sys
import zipfile

from verify import COSIGNATURE, Fault, cosigned, is_of, leaf_hash, node_hash, open_checkpoint, read_key, root_of_path


def open_note(note, key):
    """The text of a note with one signature, by this key."""
    name, key_id, public = key
    text, gap, line = note.rpartition("\n\n")
    if not gap or not line.endswith("\n") or line.count("\n") != 1:
        raise Fault("the manifest is not a note with one signature")
    dash, who, signature = line.rstrip("\n").split(" ")
    signature = base64.b64decode(signature, validate=True)
    if base64.b64encode(signature).decode() != line.rstrip("\n").split(" ")[2]:
        raise Fault("the manifest's signature is written in another way")
    if (dash, who, signature[:4]) != ("\u2014", name, key_id):
        raise Fault(f"the manifest is not signed by {name}")
    try:
        public.verify(signature[4:], (text + "\n").encode())
    except Exception as error:
        raise Fault("the manifest's signature does not fit") from error
    return text + "\n"


def files_of(data, key):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    if not files or files[0][0] != "manifest":
        raise Fault("the first file is not the manifest")
    form, origin, identity, *lines = open_note(files[0][1].decode(), key).splitlines()
    if form != "sluicegate incident v1" or origin != key[0]:
        raise Fault("not the manifest of a bundle of this journal")
    wanted = [f"{hashlib.sha256(content).hexdigest()} {len(content)} {name}" for name, content in files[1:]]
    if lines != wanted:
        raise Fault("the files are not those that were signed")
    again = io.BytesIO()
    with zipfile.ZipFile(again, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name), content)
    if again.getvalue() != data:
        raise Fault("the archive about the files was changed")
    return identity, dict(files[1:])


def grows(old, old_root, new, new_root, path):
    """RFC 9162, section 2.1.4.2."""
    if old == new:
        return old_root == new_root and not path
    if old == 0 or old > new:
        return False
    path = list(path) if old & (old - 1) else [old_root, *path]
    if not path:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before = after = path[0]
    for beside in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            before, after = node_hash(beside, before), node_hash(beside, after)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, beside)
        node, last = node >> 1, last >> 1
    return (before, after, last) == (old_root, new_root, 0)


def verify_bundle(data, key, witnesses):
    identity, files = files_of(data, key)
    head = json.loads(files["incident.json"])
    if head["id"] != identity or head["origin"] != key[0]:
        raise Fault("the head speaks of another bundle")
    size, root = open_checkpoint(files["evidence/checkpoint"].decode(), key)
    records = last = 0
    for name in head["exchanges"]:
        exchange = json.loads(files[f"exchanges/{name}.json"])
        if exchange["exchange"] != name or not exchange["records"]:
            raise Fault(f"{name}: another exchange, or no record")
        for record in exchange["records"]:
            proof, _, note = record["proof"].partition("\n\n")
            version, index, *path = proof.splitlines()
            number = record["sequence"]
            if version != "c2sp.org/tlog-proof@v1" or index != f"index {number - 1}" or open_checkpoint(note, key) != (size, root):
                raise Fault(f"record {number}: not a proof of it under the checkpoint")
            path = [base64.b64decode(line, validate=True) for line in path]
            if root_of_path(leaf_hash(record["record"].encode()), number - 1, size, path) != root:
                raise Fault(f"record {number} is not in the tree that was signed")
            if not is_of(json.loads(record["record"]), name):
                raise Fault(f"record {number} is of another exchange")
            records, last = records + 1, max(last, number)
    seen = {}
    for grown in json.loads(files["evidence/growth.json"]):
        note = files[grown["file"]].decode()
        old, old_root = open_checkpoint(note, key)
        if not grows(old, old_root, size, root, [base64.b64decode(line, validate=True) for line in grown["consistency"]]):
            raise Fault(f"{grown['file']} does not lead to the checkpoint of the proofs")
        for witness in witnesses:
            time = cosigned(note, witness)
            if time is not None and old >= last:
                seen[witness[0]] = (old, time)
    for witness in witnesses:
        if witness[0] not in seen:
            raise Fault(f"{witness[0]} has not cosigned all of it")
    return len(head["exchanges"]), records, seen


def main(path, key, *witnesses):
    try:
        with open(path, "rb") as file:
            data = file.read()
        exchanges, records, seen = verify_bundle(data, read_key(key), [read_key(witness, COSIGNATURE) for witness in witnesses])
        print(f"sound: {exchanges} exchanges, {records} records")
        for witness, (size, time) in seen.items():
            print(f"seen by {witness}: {size} records at {time}")
        return 0
    except (Fault, ValueError, KeyError, TypeError, OSError, NotImplementedError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        print(f"NOT SOUND: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
