#!/usr/bin/env python3
"""Labels of files, read by programs that share nothing with the one that wrote them: each file has one `AIGC` block with seven strings in the
allowed characters, what stood in the file is still there, and the signature holds.

    check.py PROGRAM
"""

import base64
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unicodedata
import warnings
import zipfile

import bs4
import docx
import pypdf
import yaml
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIELDS = ["Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2"]
ALLOWED = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]*\Z")
PROSE = "Canberra is the capital. 堪培拉是首都，ＡＢＣ！"
failed = []
warnings.filterwarnings("ignore", category=bs4.XMLParsedAsHTMLWarning)


def expect(what, found, wanted=True):
    if found != wanted:
        failed.append(f"{what}: {found!r}, expected {wanted!r}")


def skeleton(text):
    kept = []
    for letter in text:
        for folded in unicodedata.normalize("NFKC", letter).lower():
            if folded.isalnum():
                kept.append(folded)
    return hashlib.sha256("".join(kept).encode()).hexdigest()


def markdown(path):
    text = path.read_text()
    _, head, body = text.split("---\n", 2)
    expect("blocks in Markdown", len(re.findall(r"^AIGC:", text, re.MULTILINE)), 1)
    front = yaml.safe_load(head)
    expect("what stood in Markdown", (front["title"], body.strip()), ("A: title", PROSE))
    # The rest of the front matter is within the hash; the block stands last in it.
    return front["AIGC"], skeleton(head.split("AIGC:")[0] + body)


def html(path):
    page = bs4.BeautifulSoup(path.read_text(), "html.parser")
    found = page.head.find_all("meta", attrs={"name": "AIGC"})
    expect("blocks in HTML", len(found), 1)
    expect("what stood in HTML", (page.title.string, page.p.string), ("A title", PROSE))
    return json.loads(found[0]["content"]), None


def plain(path):
    pairs = []
    value = json.loads(path.read_text(), object_pairs_hook=lambda p: pairs.extend(k for k, _ in p) or dict(p))
    expect("blocks in JSON", pairs.count("AIGC"), 1)
    expect("what stood in JSON", value["said"], PROSE)
    return value["AIGC"], None


def word(path):
    expect("what stood in DOCX", docx.Document(str(path)).paragraphs[0].text, PROSE)
    with zipfile.ZipFile(path) as archive:
        expect("a sound archive", archive.testzip(), None)
        names = archive.namelist()
        expect("names of DOCX twice", len(names), len(set(names)))
        page = bs4.BeautifulSoup(archive.read("docProps/custom.xml").decode(), "html.parser")
        expect("types of DOCX", archive.read("[Content_Types].xml").decode().count("custom-properties+xml"), 1)
    found = page.find_all("property", attrs={"name": "AIGC"})
    expect("blocks in DOCX", len(found), 1)
    return json.loads(found[0].get_text()), None


def pdf(path):
    reader = pypdf.PdfReader(path, strict=True)
    expect("what stood in PDF", (reader.metadata.title, len(reader.pages)), ("A title", 2))
    return json.loads(reader.metadata["/AIGC"]), None


def make(folder):
    (folder / "a.md").write_text(f"---\ntitle: 'A: title'\nAIGC:\n  Label: AIGC\n  ContentProducer: Some Body\n---\n\n{PROSE}\n")
    (folder / "a.html").write_text(f"<!DOCTYPE html>\n<html><head><title>A title</title></head><body><p>{PROSE}</p></body></html>\n")
    (folder / "a.json").write_text(json.dumps({"said": PROSE, "n": 1.5}, ensure_ascii=False, indent=2))
    document = docx.Document()
    document.add_paragraph(PROSE)
    document.save(str(folder / "a.docx"))
    writer = pypdf.PdfWriter()
    writer.add_blank_page(420, 100)
    writer.add_blank_page(420, 100)
    writer.add_metadata({"/Title": "A title"})
    writer.write(folder / "a.pdf")
    return {"a.md": markdown, "a.html": html, "a.json": plain, "a.docx": word, "a.pdf": pdf}


def visible(folder, run, public):
    """The label that people read: the last words of each file, once, in its language, in words that other programs read."""
    words = {"a.md": "AI-generated content", "a.html": "AI-generated content", "a.docx": "AI-generated content", "a.pdf": "AI-generated content"}
    for file in words:
        shutil.copy(folder / file, folder / f"v{file}")
    paths = [str(folder / f"v{file}") for file in words]
    for times in (1, 2):
        done = run("--visible", *paths)
        expect(f"label --visible, {times}", (done.returncode, done.stderr), (0, ""))
    for file, label in words.items():
        path = folder / f"v{file}"
        text = said(path)
        expect(f"visible label of {file}", (text.strip().endswith(label), text.count(label)), (True, 1))
        expect(f"prose of {file}", PROSE in text or file == "a.pdf")
        expect(f"verify v{file}", run("verify", str(path), "--key", public).returncode, 0)
    own = "人工智能生成 · AI で生成 · made by AI & checked <by hand>"
    for file in words:
        shutil.copy(folder / file, folder / f"w{file}")
        path = folder / f"w{file}"
        for times in (1, 2):
            expect(f"label --visible=.. {file}", run(f"--visible={own}", str(path)).returncode, 0)
        expect(f"own words of {file}", (said(path).strip().endswith(own), said(path).count(own)), (True, 1))
    (folder / "open.md").write_text("text\n```\ncode")
    run("--visible=Made by AI", str(folder / "open.md"))
    expect("behind a fence", (folder / "open.md").read_text().endswith("---\n\ntext\n```\ncode\n```\n\nMade by AI\n"))
    done = run("--visible", str(folder / "a.json"))
    expect("JSON has none", (done.returncode, "people do not" in done.stderr), (0, True))


def said(path):
    """What a person reads in a file."""
    match path.suffix:
        case ".md":
            return path.read_text().split("---\n", 2)[2]
        case ".html":
            return bs4.BeautifulSoup(path.read_text(), "html.parser").body.get_text()
        case ".docx":
            return "\n".join(paragraph.text for paragraph in docx.Document(str(path)).paragraphs)
        case ".pdf":
            return "\n".join(page.extract_text() for page in pypdf.PdfReader(path, strict=True).pages)


def signed(key, block, of_content):
    _, kid, hashes, signature = block["ReservedCode1"].split(";")
    text = "sluicegate label 1\n" + "".join(f"{name} {block[name]}\n" for name in FIELDS[:3]) + f"sha-256 {hashes}\n"
    name, number, public = key.split("+", 2)
    expect("the key's name", kid, f"{name}+{number}")
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public)[1:]).verify(base64.b64decode(signature), text.encode())
    except InvalidSignature:
        failed.append("a signature does not hold")
    if of_content:
        expect("the hash of the text", hashes, of_content)


def main(program):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        forms = make(folder)
        (folder / "gateway.toml").write_text(
            'schema = 1\n[labels]\nproducer = "00191110108MA01KP2T5U00000"\n[[upstream]]\nname = "demonstration"\n'
            'dialects = ["openai"]\nbase_url = "demonstration:"\n'
        )
        config = ["--config", str(folder / "gateway.toml"), "--state", str(folder / "state")]

        def run(*arguments):
            return subprocess.run([program, "label", *arguments, *config], capture_output=True, text=True, check=False)

        files = [str(folder / file) for file in forms]
        for times in (1, 2):
            done = run(*files)
            expect(f"label, {times}", (done.returncode, done.stderr), (0, ""))
            # The private key begins so; the public one follows from it.
            before = {file: pathlib.Path(file).read_bytes() for file in files} if times == 1 else before
        for file in files:
            expect(f"{file} written twice", pathlib.Path(file).read_bytes() == before[file])
        public = next(line for line in run_key(program, config).splitlines() if "+" in line).strip()
        numbers = set()
        for file, read in forms.items():
            block, of_content = read(folder / file)
            expect(f"fields of {file}", list(block), FIELDS)
            for field, value in block.items():
                expect(f"{field} of {file}", isinstance(value, str) and ALLOWED.match(value) is not None)
            expect(f"producer of {file}", (block["Label"], block["ContentProducer"]), ("1", "00191110108MA01KP2T5U00000"))
            expect(f"propagator of {file}", (block["ContentPropagator"], block["PropagateID"]), (block["ContentProducer"], block["ProduceID"]))
            numbers.add(block["ProduceID"])
            signed(public, block, of_content)
            done = run("verify", str(folder / file), "--key", public)
            expect(f"verify {file}", done.returncode, 0)
        expect("numbers", len(numbers), len(forms))
        visible(folder, run, public)
        # A changed text is seen, and a changed field too.
        changed = folder / "changed.md"
        shutil.copy(folder / "a.md", changed)
        changed.write_text(changed.read_text().replace("capital", "village"))
        expect("a changed text", run("verify", str(changed), "--key", public).returncode, 1)
        changed.write_text((folder / "a.md").read_text().replace('Label: "1"', 'Label: "2"'))
        expect("a changed field", run("verify", str(changed), "--key", public).returncode, 1)
    for line in failed:
        print(line)
    print(f"{len(forms)} files, each with one block that other programs read" if not failed else f"{len(failed)} wrong")
    return 1 if failed else 0


def run_key(program, config):
    """The public key, from a journal that a gateway has begun."""
    process = subprocess.Popen(
        [program, "serve", *config, "--data", "127.0.0.1:0", "--operations", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    process.stdout.readline()
    process.terminate()
    process.wait(30)
    return subprocess.run([program, "audit", "key", *config], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
