#!/usr/bin/env python3
"""Chinese texts under free licences, labelled by Baidu's LAC, as `sluicegate train train/names.toml` reads them.

    python3 -m venv lac && lac/bin/pip install numpy wheel 'setuptools<81'
    lac/bin/pip download --no-deps --no-build-isolation lac==2.1.2 && tar xzf LAC-2.1.2.tar.gz    # 65 MB, Apache-2.0; the paddle that it asks for is not needed
    OMP_NUM_THREADS=1 lac/bin/python train/chinese.py --lac LAC-2.1.2/LAC --never ../shared/data/pii/chinese.jsonl --kdconv CHECKOUT --cold CHECKOUT .. --out DIR/chinese

Each CHECKOUT is a git directory or work tree of the repository (docs/development.md says which commit); what is left out is not written.
No text of theirs is in the repository, and no label.

What LAC is not sure of teaches nothing. A sentence is parted at its commas where something in it may be a name and is none that is sure, and only the
parts that have names and no doubt stay. Of sentences without a name few stay: a text like them is no news, and what is learned of other languages
is drowned by them. A postal address is one for the tagger and several places for LAC, so sentences that look like one go.
"""

import argparse
import collections
import csv
import io
import json
import pathlib
import re
import zipfile
import zlib

from checkouts import listed, shown, write
from lac import NAMES, Lac

# A sentence with its end.
SENTENCE = re.compile(r"[^。！？!?\n]+[。！？!?]*[”」』\"]?")
ADDRESS = re.compile(r"[路街道巷弄村区镇].{0,8}\d+\s*号|地址|\d号楼|\d单元|\d室")
# How sure LAC must be of a person, and of an organisation or a place.
SURE, SURE_OF_OTHERS = 0.7, 0.6
# Or so sure, where the word occurs so often and is a person in such a share of its places.
LEAST, MANY, SHARE = 0.4, 3, 0.8
# Of sentences without a name this share stays.
NAMELESS = 0.4
# So many characters that also stand in a text that is measured on are too many.
SHARED = 12


def lines(raw):
    return [json.loads(line) for line in raw.decode().split("\n") if line.strip()]


def kdconv(checkout):
    for path in listed(checkout, "data"):
        if path.endswith(("dev.json", "test.json")):
            for talk in json.loads(shown(checkout, path)):
                said = {message["message"] for message in talk["messages"]}
                said |= {one["attrvalue"] for message in talk["messages"] for one in message.get("attrs", []) if one["attrname"] == "Information"}
                yield "\n".join(sorted(said))


def cold(checkout):
    for part in ["train", "dev", "test"]:
        for row in csv.DictReader(io.StringIO(shown(checkout, f"COLDataset/{part}.csv").decode())):
            yield row["TEXT"]


def crosswoz(checkout):
    for part in ["val", "test"]:
        with zipfile.ZipFile(io.BytesIO(shown(checkout, f"data/crosswoz/{part}.json.zip"))) as archive:
            for talk in json.loads(archive.read(f"{part}.json")).values():
                yield "\n".join(message["content"] for message in talk["messages"])


def lccc(checkout):
    for talks in json.loads(shown(checkout, "data/toy_data.json")).values():
        for talk in talks:
            yield "\n".join(said.replace(" ", "") for said in talk)
    for part in ["train", "valid"]:
        for line in shown(checkout, f"data/toy_{part}.txt").decode().splitlines():
            yield "\n".join(said.replace(" ", "") for said in line.split("\t"))


def simpleqa(checkout):
    for row in lines(shown(checkout, "data/chinese_simpleqa.jsonl")):
        yield row["question"] + "\n" + row["answer"]


def safetyqa(checkout):
    for row in lines(shown(checkout, "data/chinese_safetyqa.jsonl")):
        yield row["question"] + "\n" + row["standard_answer"]


def belle(checkout):
    for row in lines(shown(checkout, "eval/eval_set.json")):
        yield row["question"] + "\n" + (row.get("std_answer") or "")


def followbench(checkout):
    for path in listed(checkout, "data_zh"):
        if path.endswith(".json"):
            for row in json.loads(shown(checkout, path)):
                yield str(row.get("instruction") or "") + "\n" + str(row.get("target") or "")


def questions(checkout):
    for row in json.loads(shown(checkout, "eval/datasets/subjective/qa_short_answer.json")):
        yield "\n".join(str(value) for value in row.values() if isinstance(value, str))


SETS = {
    "kdconv": (kdconv, "thu-coai/KdConv", "Apache-2.0"),
    "cold": (cold, "thu-coai/COLDataset", "Apache-2.0"),
    "crosswoz": (crosswoz, "thu-coai/CrossWOZ", "Apache-2.0"),
    "lccc": (lccc, "thu-coai/CDial-GPT", "MIT"),
    "simpleqa": (simpleqa, "OpenStellarTeam/ChineseSimpleQA", "MIT"),
    "safetyqa": (safetyqa, "OpenStellarTeam/ChineseSafetyQA", "MIT"),
    "belle": (belle, "LianjiaTech/BELLE", "Apache-2.0, ODC-By"),
    "followbench": (followbench, "YJiangcm/FollowBench", "Apache-2.0"),
    "law": (questions, "FudanDISC/DISC-LawLLM", "Apache-2.0"),
}


def counted(read):
    """How often a word is a person and how often it is anything else, over all texts."""
    persons, others = collections.Counter(), collections.Counter()
    for sentence, words in read.items():
        for start, end, tag, _, _ in words:
            if tag == "PER" or end - start > 1:
                (persons if tag == "PER" else others)[sentence[start:end]] += 1
    return persons, others


def judged(sentence, word, persons, others):
    """The type of a name, nothing where a word is none, `?` where it may be one."""
    start, end, tag, own, next_ = word
    text, sure = sentence[start:end], min(own, next_)
    many, share = persons[text] + others[text], persons[text] / max(persons[text] + others[text], 1)
    if tag == "PER":
        fits = sure >= SURE or (many >= MANY and share >= SHARE and sure >= LEAST)
        common = many >= MANY and share < 0.5
        foreign = text.isascii() or not any(map(str.isalpha, text))
        return "PERSON" if fits and not common and not foreign else "?"
    if tag in NAMES:
        return NAMES[tag] if sure >= SURE_OF_OTHERS else "?"
    return "?" if end - start > 1 and persons[text] >= 2 and share >= 0.5 else ""


def parts(sentence, words, persons, others):
    """What of a sentence is sure: where each such part begins and ends, and its names."""
    if ADDRESS.search(sentence):
        return
    clauses = [[]]
    for word in words:
        clauses[-1].append((word, judged(sentence, word, persons, others)))
        if sentence[word[0]:word[1]] in "，,；;":
            clauses.append([])
    runs = [[]]
    for clause in filter(None, clauses):
        if any(kind == "?" for _, kind in clause):
            runs.append([])
        else:
            runs[-1] += clause
    for run in filter(None, runs):
        start, end = run[0][0][0], run[-1][0][1]
        names = [(word[0] - start, word[1] - start, kind) for word, kind in run if kind]
        kept = len(runs) == 1 and end - start >= 4 and zlib.crc32(sentence.encode()) % 1000 < 1000 * NAMELESS
        if names or kept:
            yield sentence[start:end], names


def windows(text):
    return {text[at:at + SHARED] for at in range(len(text) - SHARED + 1)}


def rows(name, read, persons, others, never):
    _, source, licence = SETS[name]
    # Where a dialogue is about sights and restaurants, their names are places for one reader and organisations for another.
    labelled = ["PERSON", "ORGANIZATION"] + (["LOCATION"] if name != "crosswoz" else [])
    for sentence, words in read.items():
        for text, names in parts(sentence, words, persons, others):
            if never.isdisjoint(windows(text)):
                spans = [{"start": start, "end": end, "type": kind} for start, end, kind in names]
                yield {"text": text, "spans": spans, "lang": "zh", "source": source, "licence": licence, "labelled": labelled}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lac", required=True)
    parser.add_argument("--never", type=pathlib.Path, help="labelled texts that are measured on: what shares a passage with one of them is left out")
    for name, (_, source, licence) in SETS.items():
        parser.add_argument(f"--{name}", metavar="CHECKOUT", help=f"{source} ({licence})")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    measured = lines(args.never.read_bytes()) if args.never else []
    never = set().union(*(windows(row["text"]) for row in measured))
    lac, read = Lac(args.lac), {}
    for name, (texts, _, _) in SETS.items():
        if getattr(args, name):
            sentences = {one.strip() for text in texts(getattr(args, name)) for one in SENTENCE.findall(text)}
            sentences = sorted(one for one in sentences if 2 < len(one) < 300)
            read[name] = dict(zip(sentences, lac.read(sentences)))
    persons, others = collections.Counter(), collections.Counter()
    for one in read.values():
        for all_, own in zip((persons, others), counted(one)):
            all_.update(own)
    for name, one in read.items():
        write(args.out, name, rows(name, one, persons, others, never))


if __name__ == "__main__":
    main()
