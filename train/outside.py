#!/usr/bin/env python3
"""Texts that are not among the project's data, as `sluicegate train` reads them.

    train/outside.py --jade CHECKOUT --cvalues CHECKOUT --hh CHECKOUT --kdconv CHECKOUT --xsafety CHECKOUT --out DIR/outside

Each CHECKOUT is a git directory or work tree of the repository (docs/development.md says which commit); what is left out is not written.
The recipes name the files as `optional`: without them a model is trained without them and says so. No text of theirs is in the repository.
"""

import argparse
import csv
import gzip
import io
import json
import pathlib
import re
import subprocess

# Kinds of JADE's questions (whitzard-ai/jade-db, MIT), by the classes of the recipe; the others are harm without a class.
KINDS = {
    "歧视": "hate",
    "恐怖主义": "extremism",
    "诈骗": "fraud", "网络欺诈": "fraud", "伪造": "fraud",
    "非法持有武器": "weapons",
    "毒品": "drugs",
    "淫秽色情": "sexual",
    "宣扬暴力": "violence", "故意伤害": "violence",
    "偷窃": "crime", "抢劫": "crime", "走私": "crime", "贩卖人口": "crime", "赌": "crime", "贪污": "crime", "其他犯罪": "crime", "勒索": "crime", "赃物": "crime",
    "虚假有害信息": "misinformation",
    "隐私": "harassment", "个人信息": "harassment", "名誉": "harassment", "肖像": "harassment",
}


def shown(checkout, path):
    """A file as the newest commit has it, whether the checkout is bare or not."""
    command = ["git", "-C", checkout, "show", f"HEAD:{path}"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def row(name, number, text, lang, label, source, licence, categories=()):
    return {"id": f"{name}-{number}", "text": text, "lang": lang, "source": source, "licence": licence, "label": label, "categories": list(categories)}


def jade(checkout):
    source = "whitzard-ai/jade-db"
    files = [("jade-db-v2.0/jade_benchmark_easy_zh.csv", "2.0"), ("jade-db-v2.0/jade_benchmark_medium_zh.csv", "2.0"), ("jade-db-v1.0/jade_benchmark_zh.csv", "1.0")]
    seen = set()
    for path, version in files:
        text = shown(checkout, path).decode("utf-8-sig")
        for line in csv.DictReader(io.StringIO(text)):
            kinds = line["违规子类"] or ""
            text = line["问题"].strip()
            if not text or text in seen:
                continue
            seen.add(text)
            found = sorted({f"jade/{name}" for word, name in KINDS.items() if word in kinds})
            yield row("jade" + version, line["ID"] + path[-12:-7], text, "zh", 1, f"{source} {version}", "MIT", found)
    for path in ["jade-db-v3.0/jade_alignment_hard_zh.csv", "jade-db-v3.0/jade_alignment_medium_zh.csv"]:
        for line in csv.DictReader(io.StringIO(shown(checkout, path).decode("gb18030"))):
            safe = line["安全有用回答"].strip()
            if safe:
                yield row("jade3", line["ID"] + path[-12:-7], safe, "zh", 0, f"{source} refusals", "MIT")


def cvalues(checkout):
    for line in shown(checkout, "dataset/cvalues_responsibility_prompts.jsonl").decode().splitlines():
        line = json.loads(line)
        yield row("cvalues", line["id_"], line["prompt"], "zh", 0, "X-PLUG/CValues", "Apache-2.0")


def hh(checkout):
    lines = gzip.decompress(shown(checkout, "harmless-base/test.jsonl.gz")).decode().splitlines()
    for number, line in enumerate(lines):
        said = json.loads(line)["chosen"].split("\n\nHuman: ")
        first = said[1].split("\n\nAssistant:")[0].strip() if len(said) > 1 else ""
        if len(first) > 20:
            yield row("hh", number, first, "en", 1, "anthropics/hh-rlhf harmless", "MIT")


def kdconv(checkout):
    """What people ask in the development set's dialogues: harmless Chinese."""
    number = 0
    for part in ["film", "music", "travel"]:
        for talk in json.loads(shown(checkout, f"data/{part}/dev.json")):
            for turn in talk["messages"]:
                text = turn["message"].strip()
                if text.endswith(("？", "?", "吗", "呢")) and len(text) > 6:
                    number += 1
                    yield row("kdconv", number, text, "zh", 0, "thu-coai/KdConv", "Apache-2.0")


def xsafety(checkout):
    """Prompts in Chinese and the same in English, by what `xsafety.tsv` beside this file says of each: it was judged by reading the Chinese.

    A prompt that overrides what stands before it in it is of the kind `override` and no harm by that; what is unclear is left out."""
    labels = [line.split("\t") for line in (pathlib.Path(__file__).parent / "xsafety.tsv").read_text().splitlines()]
    texts = {}
    for lang in ["zh", "en"]:
        listed = subprocess.run(["git", "-C", checkout, "ls-tree", "-r", "--name-only", "HEAD", lang + "/"], check=True, capture_output=True)
        for path in listed.stdout.decode().split():
            rows = csv.reader(io.StringIO(shown(checkout, path).decode("utf-8-sig", errors="replace")))
            kind = re.sub(r"_(n|en)$", "", pathlib.PurePath(path).stem)
            texts[lang, kind] = [",".join(cells).strip(" ,") for cells in rows if cells]
    for kind, number, label in labels:
        for lang in ["zh", "en"]:
            text = texts[lang, kind][int(number)]
            if label == "u" or not text:
                continue
            found = [] if label in ("0", "harm") else [f"xsafety/{label}"]
            yield row(f"xsafety-{lang}-{kind}", number, text, lang, int(label != "0"), "Jarviswang94/Multilingual_safety_benchmark " + ("overrides" if kind == "Goal_Hijacking" else lang), "Apache-2.0", found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    makers = {"jade": jade, "cvalues": cvalues, "hh": hh, "kdconv": kdconv, "xsafety": xsafety}
    for name in makers:
        parser.add_argument(f"--{name}", metavar="CHECKOUT")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    for name, make in makers.items():
        checkout = getattr(options, name)
        if checkout:
            rows = list(make(checkout))
            (out / f"{name}.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in rows))
            print(f"{name}: {len(rows)} texts")


if __name__ == "__main__":
    main()
