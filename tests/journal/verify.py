#!/usr/bin/env python3
"""Verifies a journal, or a proof taken from one, without a line of Sluicegate's own code.

    verify.py JOURNAL KEY [CHECKPOINT...]    a journal's folder, against its own checkpoint and others that were kept
    verify.py --witness KEY JOURNAL KEY      the same, cosigned by this witness besides; may be given more than once
    verify.py --proof FILE KEY               what `sluicegate audit prove` writes

KEY is the public key or a file that holds it. Written from docs/journal.md, RFC 6962 (section 2.1) and C2SP's signed-note, tlog-checkpoint,
tlog-cosignature and tlog-proof. Needs Python's standard library and the package `cryptography` for Ed25519. Exit status: 0 sound, 1 not.
"""

import base64
import hashlib
import json
import pathlib
import struct
import sys
import zlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Fault(Exception):
    """Why something is not sound."""


# --- RFC 6962, section 2.1

def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows leaf by leaf: the roots of its whole subtrees, the largest first."""

    def __init__(self):
        self.size, self.subtrees = 0, []

    def push(self, leaf):
        self.size += 1
        self.subtrees.append(leaf)
        joined = self.size
        while joined % 2 == 0:
            right = self.subtrees.pop()
            self.subtrees.append(node_hash(self.subtrees.pop(), right))
            joined //= 2

    def root(self):
        if not self.subtrees:
            return hashlib.sha256(b"").digest()
        root = self.subtrees[-1]
        for left in reversed(self.subtrees[:-1]):
            root = node_hash(left, root)
        return root


def root_of_path(leaf, index, size, path):
    """The root that a leaf and its inclusion proof lead to."""

    def up(index, size, path):
        if size == 1:
            if path:
                raise Fault("the proof has too many hashes")
            return leaf
        if not path:
            raise Fault("the proof has too few hashes")
        half = 1 << (size - 1).bit_length() - 1
        if index < half:
            return node_hash(up(index, half, path[:-1]), path[-1])
        return node_hash(path[-1], up(index - half, size - half, path[:-1]))

    if not 0 <= index < size:
        raise Fault("the record is not in the tree")
    return up(index, size, path)


# --- C2SP signed-note and tlog-checkpoint

ED25519, COSIGNATURE = b"\x01", b"\x04"


def read_key(text, algorithm=ED25519):
    name, key_id, key = text.strip().split("+", 2)
    key = base64.b64decode(key, validate=True)
    if key[:1] != algorithm or len(key) != 33:
        raise Fault("not an Ed25519 key of this kind")
    expected = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    if bytes.fromhex(key_id) != expected:
        raise Fault("the key's id does not fit the key")
    return name, expected, Ed25519PublicKey.from_public_bytes(key[1:])


def open_checkpoint(note, key):
    name, key_id, public = key
    text, gap, signatures = note.rpartition("\n\n")
    if not gap or not signatures.endswith("\n"):
        raise Fault("not a signed note")
    text += "\n"
    signed = False
    for line in signatures.splitlines():
        dash, who, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if dash != "\u2014":
            raise Fault("not a line of a signature")
        if who == name and signature[:4] == key_id:
            try:
                public.verify(signature[4:], text.encode())
            except InvalidSignature as error:
                raise Fault("the checkpoint's signature does not fit") from error
            signed = True
    if not signed:
        raise Fault(f"the checkpoint is not signed by {name}")
    origin, size, root = text.splitlines()[:3]
    if origin != name or str(int(size)) != size:
        raise Fault("not a checkpoint of this journal")
    return int(size), base64.b64decode(root, validate=True)


# --- tlog-cosignature

def cosigned(note, witness):
    """When this witness has cosigned the checkpoint, in seconds since 1970; none where it has not."""
    name, key_id, public = witness
    text, _, signatures = note.rpartition("\n\n")
    times = []
    for line in signatures.splitlines():
        _, who, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if who == name and signature[:4] == key_id:
            time = struct.unpack(">Q", signature[4:12])[0]
            try:
                public.verify(signature[12:], f"cosignature/v1\ntime {time}\n{text}\n".encode())
            except InvalidSignature as error:
                raise Fault(f"the cosignature of {name} does not fit") from error
            times.append(time)
    return max(times, default=None)


# --- Segments, as docs/journal.md describes them

# Records are kept for six months at least, in milliseconds.
FLOOR = 184 * 86_400_000
MAGIC = b"SGJRNL\x00\x01"
KINDS = {1: "admission", 2: "end", 3: "event"}


def segment(data):
    """The first sequence number of a segment and its records up to the first that is not sound."""
    if len(data) < 20 or data[:8] != MAGIC or zlib.crc32(data[:16]) != struct.unpack_from("<I", data, 16)[0]:
        return None, []
    first = struct.unpack_from("<Q", data, 8)[0]
    records, at = [], 20
    while at + 21 <= len(data):
        length, crc = struct.unpack_from("<II", data, at)
        end = at + 21 + length
        if length == 0 or end > len(data) or zlib.crc32(data[at + 8:end]) != crc:
            break
        sequence, _, kind = struct.unpack_from("<QIB", data, at + 8)
        records.append((sequence, kind, data[at + 21:end]))
        at = end
    return first, records


def records_of(folder):
    """All records in order; a later segment that begins with a number takes the place of what stands from there on."""
    segments = [segment(path.read_bytes()) for path in sorted((path for path in folder.glob("*.sgj") if path.stem.isdigit()), key=lambda path: int(path.stem))]
    segments = [(first, records) for first, records in segments if first is not None]
    next_sequence = segments[0][0] if segments else 1
    for place, (first, records) in enumerate(segments):
        if first != next_sequence:
            raise Fault(f"a segment begins with record {first} where {next_sequence} should stand")
        until = min((later for later, _ in segments[place + 1:]), default=None)
        for sequence, kind, payload in records:
            if until is not None and sequence >= until:
                break
            if sequence != next_sequence:
                raise Fault(f"record {sequence} stands where {next_sequence} should")
            if json.loads(payload).get("record") != KINDS.get(kind):
                raise Fault(f"record {sequence} is of another kind than it says")
            next_sequence += 1
            yield sequence, payload


def kept_hash(folder, index):
    """The hash of a purged record, which its tile keeps (C2SP tlog-tiles)."""
    number, parts = index // 256, []
    while True:
        parts.append(f"{number % 1000:03}")
        number //= 1000
        if number == 0:
            break
    path = folder / "log" / "tile" / "0"
    for part in reversed(parts[1:]):
        path /= "x" + part
    with open(path / parts[0], "rb") as tile:
        tile.seek(index % 256 * 32)
        return tile.read(32)


def verify_journal(folder, key, kept, witnesses=()):
    own = open_checkpoint((folder / "log" / "checkpoint").read_text(), key)
    notes = [pathlib.Path(path).read_text() for path in kept]
    beside = [folder / "log" / "checkpoint.cosigned", *sorted((folder / "log" / "cosigned").glob("*.checkpoint"))]
    notes += [path.read_text() for path in beside if path.exists()]
    wanted = [own] + [open_checkpoint(note, key) for note in notes]
    seen = {}
    for witness in witnesses:
        times = [(open_checkpoint(note, key)[0], time) for note in notes if (time := cosigned(note, witness)) is not None]
        if not times:
            raise Fault(f"{witness[0]} has cosigned nothing of it")
        seen[witness[0]] = max(times)
    tree = Tree()
    roots = {0: tree.root()}
    sizes = {size for size, _ in wanted}
    first, told, purges = None, 0, []
    for sequence, payload in records_of(folder):
        if first is None:
            first = sequence
            for index in range(first - 1):
                tree.push(kept_hash(folder, index))
                if tree.size in sizes:
                    roots[tree.size] = tree.root()
        record = json.loads(payload)
        if record["record"] == "event" and record["event"] == "purge" and sequence <= own[0]:
            through = min(record["detail"]["through"], sequence - 1)
            told = max(told, through)
            purges.append((through, record["detail"].get("before_ms", 0), record["time_ms"], sequence))
        tree.push(leaf_hash(payload))
        if tree.size in sizes:
            roots[tree.size] = tree.root()
    if first is not None and told < first - 1:
        raise Fault(f"records 1 to {first - 1} are missing, and none says that they were purged")
    for size, root in wanted:
        if size > tree.size:
            raise Fault(f"{size} records were signed, {tree.size} are there")
        if roots[size] != root:
            raise Fault(f"the first {size} records are not those that were signed")
    return tree.size, own[0], seen, purges


def is_of(record, exchange):
    """Whether a record is of an exchange, or an event about it."""
    detail = record.get("detail") or {}
    return exchange in (record.get("exchange"), detail.get("exchange"), detail.get("review"))


def verify_proof(bundle, key):
    if not bundle["records"]:
        raise Fault("it holds no record")
    for record in bundle["records"]:
        head, _, note = record["proof"].partition("\n\n")
        version, index, *path = head.splitlines()
        if version != "c2sp.org/tlog-proof@v1" or index != f"index {record['sequence'] - 1}":
            raise Fault("not a proof of this record")
        size, root = open_checkpoint(note, key)
        path = [base64.b64decode(line, validate=True) for line in path]
        if root_of_path(leaf_hash(record["record"].encode()), record["sequence"] - 1, size, path) != root:
            raise Fault(f"record {record['sequence']} is not in the tree that was signed")
        if bundle["exchange"] is not None and not is_of(json.loads(record["record"]), bundle["exchange"]):
            raise Fault(f"record {record['sequence']} is of another exchange")


def main(arguments):
    named = []
    while arguments[0] == "--witness":
        named.append(arguments[1])
        arguments = arguments[2:]
    proof = arguments[0] == "--proof"
    source, key, *kept = arguments[1:] if proof else arguments
    try:
        witnesses = [read_key(text, COSIGNATURE) for text in named]
        path = pathlib.Path(key)
        key = read_key(path.read_text() if path.exists() else key)
        if proof:
            verify_proof(json.loads(pathlib.Path(source).read_text()), key)
            print("sound")
        else:
            records, signed, seen, purges = verify_journal(pathlib.Path(source), key, kept, witnesses)
            print(f"sound: {records} records, {signed} of them signed")
            for through, before, time, record in purges:
                early = " EARLY" if before > time - FLOOR else ""
                print(f"records up to {through} were purged, says record {record}{early}")
            for witness, (size, time) in seen.items():
                print(f"seen by {witness}: {size} records at {time}")
    except (Fault, ValueError, KeyError, TypeError, OSError, struct.error) as error:
        print(f"NOT SOUND: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
