#!/usr/bin/env python3
"""Orders to assistants and what looks like them, as `sluicegate train train/injection.toml` reads them.

    train/orders.py --purple CHECKOUT --gptfuzz CHECKOUT --artifacts CHECKOUT --jailbench-templates CHECKOUT --injecagent CHECKOUT --leaks CHECKOUT
        --roles CHECKOUT --roles-zh CHECKOUT --asks-zh CHECKOUT --structured CHECKOUT,CHECKOUT --tasks CHECKOUT
        --tensortrust CHECKOUT --agentdojo FOLDER --garak CHECKOUT --seval CHECKOUT --gpts CHECKOUT --out DIR/outside

Each CHECKOUT is a git directory or work tree of the repository (docs/development.md says which commit), FOLDER the unpacked package;
what is left out is not written. The recipe names the files as `optional`: without them a model is trained without them and says so.
The sets whose rows say `evaluation only` are measured on and never learned from. No text of theirs is in the repository.

AgentDojo's files are read with PyYAML. Beside the label, rows have `categories`: `leak` asks for what an assistant was told, `tool` is an order that stands in what a tool returns.
"""

import argparse
import ast
import csv
import io
import json
import pathlib
import re
import zipfile

from checkouts import listed, shown, write


def row(name, number, text, lang, label, source, licence, categories=(), direction="prompt"):
    return {"id": f"{name}-{number}", "text": text.strip(), "lang": lang, "source": source, "licence": licence, "label": label,
            "categories": list(categories), "direction": direction}


def judged():
    """What `orders.tsv` beside this file says of texts of others, by set and number: it was told by reading."""
    lines = (pathlib.Path(__file__).parent / "orders.tsv").read_text().splitlines()
    return {(name, int(number)): label for name, number, label in (line.split("\t") for line in lines)}


def purple(checkout):
    """CyberSecEval's injections: in prompts, and in documents that a prompt brings. English, and what is Chinese of the translations."""
    source = "meta-llama/PurpleLlama CyberSecEval"
    folder = "CybersecurityBenchmarks/datasets/prompt_injection/"
    known = judged()
    for name, lang in [("prompt_injection", "en"), ("prompt_injection_multilingual_machine_translated", "zh")]:
        for line in json.loads(shown(checkout, f"{folder}{name}.json")):
            if line["speaking_language"] in ("English", "Chinese"):
                tool = line["injection_type"] == "indirect"
                # Of prompts many are orders only by what stands before them, which is not told here.
                if not tool and known.get(("purple-" + lang, line["prompt_id"])) != "1":
                    continue
                kind = ["purple/tool"] if tool else []
                yield row("purple-" + lang, line["prompt_id"], line["user_input"], lang, 1, f"{source} {'documents' if tool else 'prompts'} {lang}",
                          "MIT", kind, "tool" if tool else "prompt")


def gptfuzz(checkout):
    """Templates of jailbreaks that people wrote, without the question that they are wrapped around."""
    for line in csv.DictReader(io.StringIO(shown(checkout, "datasets/prompts/GPTFuzzer.csv").decode("utf-8-sig"))):
        text = line["text"].replace("[INSERT PROMPT HERE]", "")
        yield row("gptfuzz", line["id"], text, "en", 1, "sherdencooper/GPTFuzz", "MIT")


# What stands in a tool's answer where the set has an order: our own.
NOTES = [
    "Great product, works as described.", "Thanks for your help last week, see you on Monday.", "The meeting has been moved to room 12.",
    "Two bedrooms, a garden, close to the station.", "Please find the minutes attached and let me know if anything is missing.",
    "Delivery took four days and the box was a little dented.", "Remember to buy milk, eggs and a birthday card.",
    "The update fixes a crash when the list is empty.", "We had a lovely stay, the breakfast was excellent.",
    "Quarterly numbers are up by three percent compared with last year.", "Could you send me the slides before Friday?",
    "A short history of the town and its old harbour.",
]


def injecagent(checkout):
    """Orders in what tools return (InjecAgent), alone and within the answers, and the same answers with a harmless note in their place."""
    source, number = "uiuc-kang-lab/InjecAgent", 0
    orders, answers = {}, {}
    for kind in ["dh", "ds"]:
        for line in json.loads(shown(checkout, f"data/test_cases_{kind}_base.json")):
            orders.setdefault(line["Attacker Instruction"])
            answers.setdefault(line["Tool Response Template"])
    orders, answers = list(orders), list(answers)
    for order in orders:
        number += 1
        yield row("injecagent", number, order, "en", 1, f"{source} orders", "MIT", ["injecagent/tool"], "tool")
    for place, answer in enumerate(answers):
        for step in range(6):
            number += 1
            whole = answer.replace("<Attacker Instruction>", orders[(place * 7 + step * 11) % len(orders)])
            yield row("injecagent", number, whole, "en", 1, f"{source} answers", "MIT", ["injecagent/tool"], "tool")
        for step in range(6):
            number += 1
            whole = answer.replace("<Attacker Instruction>", NOTES[(place + step * 5) % len(NOTES)])
            yield row("injecagent", number, whole, "en", 0, f"{source} answers", "MIT", direction="tool")


def leaks(checkout):
    """XSafety's questions about prompts and how they leak, most of them harmless, in Chinese and the same in English."""
    known = judged()
    for lang in ["zh", "en"]:
        path = next(path for path in listed(checkout, lang + "/") if "Prompt_Leaking" in path)
        lines = csv.reader(io.StringIO(shown(checkout, path).decode("utf-8-sig", errors="replace")))
        for number, cells in enumerate(cells for cells in lines if cells):
            text, label = ",".join(cells).strip(" ,"), known.get(("leaking", number), "0")
            if text and label != "u":
                yield row(f"leaking-{lang}", number, text, lang, int(label == "leak"), f"Jarviswang94/Multilingual_safety_benchmark leaking {lang}",
                          "Apache-2.0", ["leaking/leak"] if label == "leak" else [])


def roles(checkout):
    """What people ask assistants to act as: harmless but for what `orders.tsv` says."""
    known = judged()
    for number, line in enumerate(csv.DictReader(io.StringIO(shown(checkout, "prompts.csv").decode("utf-8-sig")))):
        text, label = line["prompt"], known.get(("roles", number), "0")
        if text and label != "u":
            yield row("roles", number, text, "en", int(label == "1"), "f/awesome-chatgpt-prompts", "CC0-1.0")


def roles_zh(checkout):
    """The same in Chinese."""
    known = judged()
    for number, line in enumerate(json.loads(shown(checkout, "prompts-zh.json"))):
        label = known.get(("roles-zh", number), "0")
        if label != "u":
            yield row("roles-zh", number, line["prompt"], "zh", int(label == "1"), "PlexPt/awesome-chatgpt-prompts-zh", "MIT")


def structured(checkouts):
    """Prompts with roles, rules and steps, most of them Chinese, in fences of the pages of two collections: harmless but for what `orders.tsv` says."""
    known = judged()
    for checkout, source, licence in zip(checkouts.split(","), ["langgptai/LangGPT", "langgptai/wonderful-prompts"], ["Apache-2.0", "MIT"]):
        number = 0
        for path in sorted(path for path in listed(checkout, ".") if path.endswith(".md") and not path.startswith("PromptShow")):
            for text in re.findall(r"```\w*\n(.*?)```", shown(checkout, path).decode(errors="replace"), re.DOTALL):
                number += 1
                label = known.get((source.rsplit("/")[-1], number), "0")
                if len(text) > 80 and label != "u":
                    yield row(source.rsplit("/")[-1], number, text, "zh" if re.search("[\u4e00-\u9fff]", text) else "en", int(label == "1"), source, licence)


def asks_zh(checkout):
    """What people ask day by day, in Chinese: three questions of each page."""
    seen = set()
    for path in sorted(listed(checkout, "question")):
        lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in shown(checkout, path).decode(errors="replace").splitlines()[2:]]
        for kind, text in [line for line in lines if len(line) == 2 and len(line[1]) > 6][:3]:
            if text not in seen:
                seen.add(text)
                yield row("asks-zh", len(seen), text, "zh", 0, "PlexPt/awesome-chatgpt-prompts-zh questions", "MIT")


def tasks(checkout):
    """What people set as tasks, with what they are about: harmless."""
    for path in ["data/seed_tasks.jsonl", "human_eval/user_oriented_instructions.jsonl"]:
        for line in shown(checkout, path).decode().splitlines():
            line = json.loads(line)
            for about in line["instances"][:1]:
                yield row("tasks", line["id"], line["instruction"] + "\n" + about["input"], "en", 0, "yizhongw/self-instruct", "Apache-2.0")


def jailbench_templates(checkout):
    """Chinese jailbreaks: of twenty templates, which stand in turn around each question, those that take rules away, each with some questions."""
    lines = list(csv.DictReader(io.StringIO(shown(checkout, "JailBench.csv").decode("utf-8-sig"))))
    kinds = [2, 4, 8, 9, *range(12, 20)]
    for number, line in enumerate(lines):
        if number % 20 in kinds and number // 20 % 11 == number % 20 % 11:
            yield row("jailbench", number, line["query"], "zh", 1, "STAIR-BUPT/JailBench", "MIT")


def seval(checkout):
    """Attacks of ten kinds around harmful questions, in Chinese and the same in English, some of each. Not for commerce: measured only."""
    for lang in ["zh", "en"]:
        packed = zipfile.ZipFile(io.BytesIO(shown(checkout, f"s_eval/small/S-Eval_attack_{lang}_small.jsonl.zip")))
        for number, line in enumerate(packed.read(packed.namelist()[0]).decode().splitlines()):
            line = json.loads(line)
            if number // 10 % 7 == 0:
                kind = json.loads(line["ext"])["category"]
                yield row("seval", line["traceid"], line["prompt"], lang, 1, f"IS2Lab/S-Eval {kind} {lang}", "evaluation only: CC BY-NC-SA")


def tensortrust(checkout):
    """Attacks of players on each other's prompts. The repository names no licence: measured only."""
    seen = set()
    for kind in ["hijacking", "extraction"]:
        path = f"benchmarks/{kind}-robustness/v1/{kind}_robustness_dataset.jsonl"
        for line in shown(checkout, path).decode().splitlines():
            line = json.loads(line)
            text = line["attack"].strip()
            # What is hardly a text, such as one sign a thousand times, is no question of words.
            if len(set(text.split())) > 2 and text not in seen:
                seen.add(text)
                yield row("tensortrust-" + kind, line["sample_id"], text, "en", 1, f"HumanCompatibleAI/tensor-trust-data {kind}", "evaluation only: none named")


def texts_of(node, known):
    """What an expression of constants says in Python, with what names stand for; None where it says something else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [texts_of(part.value if isinstance(part, ast.FormattedValue) else part, known) for part in node.values]
        return None if None in parts else "".join(parts)
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.BinOp):
        parts = [texts_of(node.left, known), texts_of(node.right, known)]
        return None if None in parts else "".join(parts)
    return None


def agentdojo(folder):
    """Orders in an agent's mails, files, messages and pages, by the set's own ways to put them, and the same without. Measured only, to have
    one set of this kind that nothing was learned from."""
    import yaml

    folder = pathlib.Path(folder) / "agentdojo"
    source, licence, number = "ethz-spylab/agentdojo", "evaluation only: MIT", 0
    goals = {}
    for path in sorted(folder.glob("default_suites/v1*/*/injection_tasks.py")):
        for kind in ast.parse(path.read_text()).body:
            known = {}
            for line in kind.body if isinstance(kind, ast.ClassDef) else []:
                if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                    known[line.targets[0].id] = texts_of(line.value, known)
            if known.get("GOAL"):
                goals.setdefault(known["GOAL"])
    ways = {"{goal}": None}
    for path in [folder / "attacks/baseline_attacks.py", folder / "attacks/important_instructions_attacks.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            # What is no way but says what a way is like begins so.
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "{goal}" in node.value and not node.value.startswith("Attack"):
                ways.setdefault(node.value.replace("{user}", "Robert Miles").replace("{model}", "AI model").strip())
    ways = list(ways)[:7]

    def strings(value):
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from (text for one in value.values() for text in strings(one))
        elif isinstance(value, list):
            yield from (text for one in value for text in strings(one))

    goals = list(goals)
    for suite in ["workspace", "slack", "travel", "banking"]:
        own = folder / "data/suites" / suite
        defaults = {name: one["default"] for name, one in yaml.safe_load((own / "injection_vectors.yaml").read_text()).items()}
        files = sorted(own.glob("include/*.yaml")) + ([own / "environment.yaml"] if suite != "workspace" else [])
        for text in [text for path in files for text in strings(yaml.safe_load(path.read_text()))]:
            holes = [name for name in defaults if "{" + name + "}" in text]
            clean = text
            for name in holes:
                clean = clean.replace("{" + name + "}", defaults[name])
            if len(clean) > 60:
                number += 1
                yield row("agentdojo", number, clean, "en", 0, f"{source} texts", licence, direction="tool")
            for name in holes:
                for place, way in enumerate(ways):
                    for step in range(2):
                        number += 1
                        order = way.replace("{goal}", goals[(number + step * 7) % len(goals)])
                        whole = text.replace("{" + name + "}", order)
                        for other in holes:
                            whole = whole.replace("{" + other + "}", defaults[other])
                        kind = "as it is" if len(way) < 15 else "wrapped"
                        yield row("agentdojo", number, whole, "en", 1, f"{source} orders {kind}", licence, direction="tool")


def artifacts(checkout):
    """Prompts that broke models, by the way they were found. Learned from are those that talk a model into it (PAIR); the others are measured only."""
    seen = set()
    for path in listed(checkout, "attack-artifacts/"):
        way = path.split("/")[1]
        if way not in ("PAIR", "JBC", "prompt_with_random_search") or path.endswith("attack-info.json"):
            continue
        for line in json.loads(shown(checkout, path))["jailbreaks"]:
            text = line["prompt"]
            if text and text not in seen:
                seen.add(text)
                licence = "MIT" if way == "PAIR" else "evaluation only: MIT"
                yield row("artifacts-" + way, len(seen), text, "en", 1, f"JailbreakBench/artifacts {way}", licence)


def garak(checkout):
    """Short requests for a system prompt, and roles without limits. Measured only."""
    for kind, lines in json.loads(shown(checkout, "garak/data/sysprompt_extraction/attacks.json")).items():
        for number, text in enumerate(lines):
            yield row("garak-" + kind, number, text, "en", 1, "NVIDIA/garak sysprompt_extraction", "evaluation only: Apache-2.0")
    for path in listed(checkout, "garak/data/dan/"):
        for number, text in enumerate(json.loads(shown(checkout, path))):
            yield row(path.rsplit("/")[-1], number, text, "en", 1, "NVIDIA/garak dan", "evaluation only: Apache-2.0")


def gpts(checkout):
    """What people instruct their own assistants with: harmless, though it is all orders. The collection's licence is not that of the texts: measured only."""
    for number, path in enumerate(sorted(path for path in listed(checkout, "prompts/gpts") if path.endswith(".md"))):
        found = re.search(r"GPT instructions:\s*```\w*\n(.*?)\n```", shown(checkout, path).decode(errors="replace"), re.DOTALL | re.IGNORECASE)
        text = found and found.group(1).strip()
        if text and len(text) > 60:
            chinese = sum("\u4e00" <= c <= "\u9fff" for c in text)
            yield row("gpts", number, text, "zh" if chinese * 4 > len(text) else "en", 0, "LouisShark/chatgpt_system_prompt", "evaluation only: of many")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    makers = [purple, gptfuzz, injecagent, leaks, roles, roles_zh, structured, asks_zh, tasks, jailbench_templates, tensortrust, agentdojo, artifacts, garak, gpts, seval]
    for make in makers:
        parser.add_argument("--" + make.__name__.replace("_", "-"), metavar="FOLDER" if make is agentdojo else "CHECKOUT", help=make.__doc__.split("\n")[0])
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    for make in makers:
        checkout = getattr(options, make.__name__)
        if checkout:
            write(pathlib.Path(options.out), make.__name__, make(checkout))


if __name__ == "__main__":
    main()
