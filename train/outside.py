#!/usr/bin/env python3
"""Texts that are not among the project's data, as `sluicegate train` reads them.

    train/outside.py --jade CHECKOUT --cvalues CHECKOUT --hh CHECKOUT --kdconv CHECKOUT --xsafety CHECKOUT --catqa CHECKOUT \
        --translated CHECKOUT --aisafetylab CHECKOUT --multijail CHECKOUT --jailbench CHECKOUT --safetyqa CHECKOUT --followbench CHECKOUT --safebench CHECKOUT \
        --behaviours CHECKOUT --chats CHECKOUT --xstest CHECKOUT --simple CHECKOUT --ailuminate CHECKOUT --belle CHECKOUT --cases CHECKOUT --patients CHECKOUT --examinations CHECKOUT \
        --out DIR/outside

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

from checkouts import listed, shown, write

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
        for path in listed(checkout, lang + "/"):
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


# Kinds of CatQA's questions (declare-lab/red-instruct, Apache-2.0), by the classes of the recipe, and of SafeBench's (ThuCCSLab/FigStep, MIT).
ASKED = {
    "Drug": "drugs", "Weapon": "weapons", "Weapon making": "weapons", "Human Trafficking": "crime", "Cybercrime": "malware", "Theft and Robbery": "crime", "Child Abuse": "minors",
    "Hate/Harass/Violence": "hate", "Cyberbullying": "harassment", "Terrorism and extremism": "extremism", "Malware Viruses": "malware", "Self-harm": "self_harm",
    "Assault and battery": "violence", "Economic Harm": "fraud", "Fraud/Deception": "fraud", "Political Campaigning": "misinformation", "Privacy Violation Activity": "harassment",
    "Tailored Financial Advice": "fraud", "Hate Speech": "hate", "Malware Generation": "malware", "Fraud": "fraud", "Adult Content": "sexual", "Privacy Violation": "harassment",
}


def leaves(tree, path=()):
    """The texts of a tree of lists in dictionaries, each with the names above it."""
    for name, below in tree.items() if isinstance(tree, dict) else enumerate(tree):
        above = path + (name.strip(" :"),) if isinstance(name, str) else path
        if isinstance(below, str):
            yield above, below.strip()
        else:
            yield from leaves(below, above)


def catqa(checkout):
    """Requests for harm in Chinese and English, and those of HarmfulQ."""
    for lang, name in [("zh", "chinese"), ("en", "english")]:
        for number, (path, text) in enumerate(leaves(json.loads(shown(checkout, f"harmful_questions/catqa_{name}.json")))):
            if "Debt management" in path:
                continue
            kind = next((ASKED[part] for part in reversed(path) if part in ASKED), "")
            yield row(f"catqa-{lang}", number, text, lang, 1, f"declare-lab/red-instruct catqa {lang}", "Apache-2.0", [f"asked/{kind}"] if kind else [])
    for number, text in enumerate(json.loads(shown(checkout, "harmful_questions/dangerousqa.json"))):
        yield row("harmfulq", number, text, "en", 1, "declare-lab/red-instruct harmfulq", "Apache-2.0")


def translated(checkout):
    for number, text in enumerate(shown(checkout, "data/chinese.txt").decode().splitlines()):
        if text.strip():
            yield row("weak", number, text.strip(), "zh", 1, "XuandongZhao/weak-to-strong", "MIT")


def aisafetylab(checkout):
    """Orders to do harm, in Chinese."""
    asked = [line["query"].strip() for line in json.loads(shown(checkout, "aisafetylab/attack/attackers/data/icl/data_zh.json"))]
    for number, text in enumerate(dict.fromkeys(asked)):
        yield row("aisafetylab", number, text, "zh", 1, "thu-coai/AISafetyLab zh", "MIT")


def multijail(checkout):
    for line in csv.DictReader(io.StringIO(shown(checkout, "data/MultiJail.csv").decode("utf-8-sig"))):
        for lang in ["zh", "en"]:
            yield row(f"multijail-{lang}", line["id"], line[lang].strip(), lang, 1, f"DAMO-NLP-SG/MultiJail {lang}", "MIT")


def jailbench(checkout):
    for line in csv.reader(io.StringIO(shown(checkout, "JailBench_seed.csv").decode("utf-8-sig"))):
        if line[0].isdigit():
            yield row("jailbench", line[0], line[1].strip(), "zh", 1, "STAIR-BUPT/JailBench", "MIT")


def safetyqa(checkout):
    """Questions of fact about crime, law, prejudice and rumours."""
    for number, line in enumerate(csv.DictReader(io.StringIO(shown(checkout, "data/chinese_safetyqa.csv").decode("utf-8-sig")))):
        yield row("safetyqa", number, line["question"].strip(), "zh", 0, "OpenStellarTeam/ChineseSafetyQA", "MIT")


def followbench(checkout):
    """Tasks without what makes them harder, in Chinese and English."""
    for lang, folder in [("zh", "data_zh"), ("en", "data")]:
        seen = set()
        for part in ["content", "situation", "style", "format", "mixed"]:
            for number, line in enumerate(json.loads(shown(checkout, f"{folder}/{part}_constraints.json"))):
                text = line["instruction"].strip()
                if text and line["level"] in (0, 1, 3) and text not in seen:
                    seen.add(text)
                    yield row(f"follow-{lang}-{part}", number, text, lang, 0, f"YJiangcm/FollowBench {lang}", "Apache-2.0")


def safebench(checkout):
    """Requests for harm; those for advice on law, money and health are none."""
    for number, line in enumerate(csv.DictReader(io.StringIO(shown(checkout, "data/question/safebench.csv").decode()))):
        kind = line["category_name"]
        fair = kind in ("Legal Opinion", "Financial Advice", "Health Consultation")
        found = [f"asked/{ASKED[kind]}"] if ASKED.get(kind) else []
        yield row("safebench", number, line["question"].strip(), "en", int(not fair), "ThuCCSLab/FigStep SafeBench", "MIT", [] if fair else found)


def behaviours(checkout):
    """HarmBench, which is only measured on, and what JailbreakBench and StrongREJECT have beyond it."""
    harmbench = [line["Behavior"].strip() for line in csv.DictReader(io.StringIO(shown(checkout, "dataset/raw/harmbench_test.csv").decode())) if line["FunctionalCategory"] == "standard"]
    for number, text in enumerate(harmbench):
        yield row("harmbench", number, text, "en", 1, "centerforaisafety/HarmBench", "MIT")
    for line in csv.DictReader(io.StringIO(shown(checkout, "dataset/raw/jailbreakbench.csv").decode())):
        if line["Source"] != "TDC/HarmBench" and line["Goal"].strip() not in harmbench:
            yield row("jbb", line[""], line["Goal"].strip(), "en", 1, "JailbreakBench/JBB-Behaviors", "MIT")
    for number, line in enumerate(csv.DictReader(io.StringIO(shown(checkout, "dataset/raw/strongreject.csv").decode()))):
        if line["source"] != "MaliciousInstruct" and line["forbidden_prompt"].strip() not in harmbench:
            yield row("strongreject", number, line["forbidden_prompt"].strip(), "en", 1, "alexandrasouly/strongreject", "MIT")


def chats(checkout):
    """First turns of MT-Bench and the questions of Vicuna's bench."""
    for bench in ["mt_bench", "vicuna_bench"]:
        for line in shown(checkout, f"fastchat/llm_judge/data/{bench}/question.jsonl").decode().splitlines():
            line = json.loads(line)
            for number, text in enumerate(line["turns"]):
                yield row(bench, f"{line['question_id']}-{number}", text.strip(), "en", 0, f"lm-sys/FastChat {bench}", "Apache-2.0")


def xstest(checkout):
    """Safe prompts that sound dangerous and unsafe ones like them: measured on, never learned from."""
    for line in csv.DictReader(io.StringIO(shown(checkout, "xstest_prompts.csv").decode())):
        yield row("xstest", line["id"], line["prompt"].strip(), "en", int(line["label"] == "unsafe"), "paul-rottger/exaggerated-safety", "CC-BY-4.0, by Paul Röttger and others")


def simple(checkout):
    for number, line in enumerate(csv.DictReader(io.StringIO(shown(checkout, "SimpleSafetyTests - test cases.csv").decode("utf-8-sig")))):
        yield row("simple", number, line["prompts_final"].strip(), "en", 1, "bertiev/SimpleSafetyTests", "CC-BY-4.0, by Bertie Vidgen and others")


def ailuminate(checkout):
    """Short prompts of the practice set, by what `ailuminate.tsv` beside this file says of each: many only ask about wrong. What is unclear is left out."""
    labels = dict(line.split("\t") for line in (pathlib.Path(__file__).parent / "ailuminate.tsv").read_text().splitlines())
    for line in csv.DictReader(io.StringIO(shown(checkout, "airr_official_1.0_demo_en_us_prompt_set_release.csv").decode())):
        label = labels.get(line["release_prompt_id"], "u")
        if label != "u":
            found = [] if label in ("0", "harm") else [f"asked/{label}"]
            yield row("ailuminate", line["release_prompt_id"], line["prompt_text"].strip(), "en", int(label != "0"), "mlcommons/ailuminate", "CC-BY-4.0, by MLCommons", found)


def belle(checkout):
    """Tasks and questions in Chinese, as they are put to an assistant."""
    for number, line in enumerate(shown(checkout, "eval/eval_set.json").decode().splitlines()):
        yield row("belle", number, json.loads(line)["question"].strip(), "zh", 0, "LianjiaTech/BELLE eval set", "Apache-2.0, ODC-By")


def cases(checkout):
    """Cases of law that are to be judged: full of crime, and harmless."""
    for number, line in enumerate(json.loads(shown(checkout, "eval/datasets/subjective/qa_short_answer.json"))):
        yield row("cases", number, line["input"].strip(), "zh", 0, "FudanDISC/DISC-LawLLM", "Apache-2.0")


def patients(checkout):
    """Every third question that patients put to doctors of internal medicine; the first of each three is for measuring, the last is left."""
    text = shown(checkout, "样例_内科5000-6000.csv").decode("gb18030", "replace")
    for number, line in enumerate(csv.DictReader(io.StringIO(text))):
        if number % 3 == 1 and line["ask"].strip():
            yield row("patients", number, line["ask"].strip(), "zh", 0, "Toyhom/Chinese-medical-dialogue-data", "MIT")


def examinations(checkout):
    """Questions of China's university entrance examinations, with the stories, reports and poems that they are about."""
    for path in sorted(listed(checkout, "Data/")):
        if not path.endswith(".json") or "English" in path:
            continue
        for number, line in enumerate(json.loads(shown(checkout, path))["example"]):
            # They were taken out of printed pages: lines end in mid sentence.
            text = "".join(part.strip() for part in line["question"].splitlines())
            yield row("examinations", f"{pathlib.Path(path).stem}-{number}", text[:2000], "zh", 0, "OpenLMLab/GAOKAO-Bench", "Apache-2.0")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    makers = {"jade": jade, "cvalues": cvalues, "hh": hh, "kdconv": kdconv, "xsafety": xsafety, "catqa": catqa, "translated": translated, "aisafetylab": aisafetylab, "multijail": multijail}
    makers |= {"jailbench": jailbench, "safetyqa": safetyqa, "followbench": followbench, "safebench": safebench, "behaviours": behaviours, "chats": chats}
    makers |= {"xstest": xstest, "simple": simple, "ailuminate": ailuminate, "belle": belle, "cases": cases, "patients": patients, "examinations": examinations}
    for name in makers:
        parser.add_argument(f"--{name}", metavar="CHECKOUT")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    for name, make in makers.items():
        checkout = getattr(options, name)
        if checkout:
            write(pathlib.Path(options.out), name, make(checkout))


if __name__ == "__main__":
    main()
