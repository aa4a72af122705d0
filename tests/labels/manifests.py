#!/usr/bin/env python3
"""C2PA manifests of files, read by programs that share nothing with the one that wrote them: c2pa-rs (through c2pa-python) verifies each with the
authority's certificate as an anchor, c2pa-text takes those in text out, and the hash is made once more here.

    manifests.py PROGRAM
"""

import base64
import datetime
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unicodedata
import zipfile

import c2pa
import c2pa_text
import cbor2
import docx
import pypdf
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PROSE = "Canberra is the capital. 堪培拉是首都，ＡＢＣ！"
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
# What c2pa-rs says of a manifest that it is given with a text, since it looks for none in texts itself.
ELSEWHERE = "data hash exclusion does not match the manifest location in the asset"
failed = []


def expect(what, found, wanted=True):
    if found != wanted:
        failed.append(f"{what}: {found!r}, expected {wanted!r}")


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"), x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


class Authority:
    """An authority with one between it and the signers."""

    def __init__(self):
        self.root_key, self.key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root = self.certificate(name("Test root"), self.root_key.public_key(), name("Test root"), self.root_key, 1)
        self.between = self.certificate(name("Test issuer"), self.key.public_key(), name("Test root"), self.root_key, 0)

    def certificate(self, subject, public, issuer, key, path=None):
        now = datetime.datetime.now(datetime.timezone.utc)
        is_ca = path is not None
        usage = {field: False for field in ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")}
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(is_ca, path), critical=True)
            .add_extension(x509.KeyUsage(digital_signature=not is_ca, key_cert_sign=is_ca, crl_sign=is_ca, **usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        )
        if not is_ca:
            built = built.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
        return built.sign(key, hashes.SHA256())

    def signer(self, folder, kind, key):
        leaf = self.certificate(name(kind), key.public_key(), name("Test issuer"), self.key)
        (folder / f"{kind}.pem").write_bytes(pem(leaf) + pem(self.between) + pem(self.root))
        secret = folder / f"{kind}.key"
        secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        secret.chmod(0o600)


def make(folder):
    # Not in NFC where that may be.
    (folder / "a.txt").write_text(f"{PROSE} e\u0301tude\n")
    (folder / "a.md").write_text(f"---\ntitle: 'A: title'\n---\n\n{PROSE}\n")
    (folder / "wrapped.md").write_text(f"# A title\n\n{PROSE}\n")
    (folder / "a.html").write_text(f"<!DOCTYPE html>\n<html><head><title>A title</title></head><body><p>{PROSE}</p></body></html>\n")
    (folder / "a.json").write_text(json.dumps({"said": PROSE}, ensure_ascii=False, indent=2))
    document = docx.Document()
    document.add_paragraph(PROSE)
    document.save(str(folder / "a.docx"))
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_metadata({"/Title": "A title"})
    writer.write(folder / "a.pdf")


def of_wrapper(text):
    """The manifest behind a text, and the bytes that it takes."""
    start = text.rindex("\ufeff")
    frame = bytes(ord(c) - 0xFE00 if ord(c) < 0x10000 else ord(c) - 0xE0100 + 16 for c in text[start + 1 :])
    expect("the wrapper's head", frame[:9], b"C2PATXT\0\x01")
    length = int.from_bytes(frame[9:13], "big")
    expect("the wrapper's padding", frame[13 + length :].strip(b"\0"), b"")
    whole = len(text[start:].encode())
    expect("the wrapper's length", whole, 3 + (13 + length) * 4 + 6)
    return frame[13 : 13 + length], (len(text[:start].encode()), whole)


def of_pattern(text, pattern):
    found = re.search(pattern, text)
    start = len(text[: found.start()].encode())
    return base64.b64decode(found.group(1)), (start, len(found.group(0).encode()))


def contents(store, out=None):
    """The boxes of CBOR in a store, by the label of the box around them."""
    out, at, label = {} if out is None else out, 0, None
    while at < len(store):
        size, kind = int.from_bytes(store[at : at + 4], "big"), store[at + 4 : at + 8]
        inner = store[at + 8 : at + size]
        if kind == b"jumd":
            label = inner[17:].split(b"\0")[0].decode()
        elif kind == b"jumb":
            contents(inner, out)
        elif kind == b"cbor":
            out[label] = cbor2.loads(inner)
        at += size
    return out


def state(context, form, file, store=None):
    """What c2pa-rs says of a file and its manifest."""
    reader = c2pa.Reader(form, io.BytesIO(file), manifest_data=store, context=context)
    return json.loads(reader.json())


def results(report):
    active = report["validation_results"]["activeManifest"]
    return [one["code"] for one in active["success"]], [(one["code"], one["explanation"]) for one in active["failure"]]


SUCCESS = {"claimSignature.validated", "signingCredential.trusted", "assertion.hashedURI.match", "assertion.dataHash.match"}


def look(folder, file, context, alg):
    data = (folder / file).read_bytes()
    what, excluded, store, form = f"{file} ({alg})", None, None, "application/c2pa"
    if file in ("a.json", "a.docx"):
        store = (folder / f"{file}.c2pa").read_bytes()
        form = "docx" if file == "a.docx" else form
    elif file == "a.pdf":
        form = "pdf"
    else:
        text = data.decode()
        if file == "a.html":
            store, excluded = of_pattern(text, r'<script type="application/c2pa">([A-Za-z0-9+/=]*)</script>')
            expect(f"taken out of {what} by c2pa-text", c2pa_text.extract_html(text).manifest, store)
        elif file == "a.md":
            block = r"\n<!-- -----BEGIN C2PA MANIFEST----- data:application/c2pa;base64,([A-Za-z0-9+/=]*) -----END C2PA MANIFEST----- -->\Z"
            store, excluded = of_pattern(text, block)
            expect(f"taken out of {what} by c2pa-text", c2pa_text.extract_structured(text).manifest, store)
        else:
            store, excluded = of_wrapper(text)
            expect(f"taken out of {what} by c2pa-text", c2pa_text.extract_manifest(text)[0], store)
            expect(f"{what} by c2pa-text", (c2pa_text.validate_text(text).valid, c2pa_text.validate_manifest(store).valid), (True, True))
    report = state(context, form, data, store)
    success, failure = results(report)
    if file == "a.txt":
        # c2pa-rs knows nothing of NFC: of text that is not in it the hash is made here alone.
        expect(f"{what} by c2pa-rs", SUCCESS - set(success), {"assertion.dataHash.match"})
    else:
        expect(f"{what} by c2pa-rs", SUCCESS - set(success), set())
        expect(f"against {what} by c2pa-rs", [one for one in failure if one[1] != ELSEWHERE], [])
    if excluded is None:
        expect(f"state of {what}", report["validation_state"], "Trusted")
    manifest = report["manifests"][report["active_manifest"]]
    expect(f"who made the claim of {what}", manifest["claim_generator_info"][0]["name"], "Sluicegate")
    expect(f"version of the claim of {what}", manifest["claim_version"], 2)
    expect(f"kind of signature of {what}", manifest["signature_info"]["alg"].lower(), alg)
    actions = next(one for one in manifest["assertions"] if one["label"] == "c2pa.actions.v2")["data"]["actions"]
    expect(f"action of {what}", (actions[0]["action"], actions[0]["digitalSourceType"], actions[0]["softwareAgent"]["name"]), ("c2pa.created", SOURCE, "Sluicegate"))
    own = [one["data"]["AIGC"] for one in manifest["assertions"] if one["label"] == "sluicegate.aigc"]
    expect(f"blocks of the seven fields in {what}", len(own), 1 if file == "a.txt" else 0)
    if excluded:
        hashed = contents(store)["c2pa.hash.data"]
        expect(f"what {what} leaves out", hashed["exclusions"], [{"start": excluded[0], "length": excluded[1]}])
        left = data[: excluded[0]] + data[excluded[0] + excluded[1] :]
        if file in ("a.txt", "wrapped.md"):
            left = unicodedata.normalize("NFC", left.decode()).encode()
        expect(f"hash of {what}", hashlib.sha256(left).digest(), hashed["hash"])
    return 1


def foreign(folder, context, run):
    """A document that c2pa-rs has signed."""
    alg, key = c2pa.C2paSigningAlg.ES256, (folder / "es256.key").read_bytes()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(alg=alg, sign_cert=(folder / "es256.pem").read_bytes(), private_key=key, ta_url=None))
    packed, plain = folder / "a.docx", io.BytesIO()
    with zipfile.ZipFile(packed) as archive, zipfile.ZipFile(plain, "w", zipfile.ZIP_STORED) as out:
        for entry in archive.infolist():
            out.writestr(entry.filename, archive.read(entry))
    definition = {"claim_generator_info": [{"name": "another"}], "assertions": [{"label": "c2pa.actions", "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": SOURCE}]}}]}
    signed = io.BytesIO()
    c2pa.Builder(json.dumps(definition), context).sign(signer, "docx", plain, signed)
    path = folder / "foreign.docx"
    path.write_bytes(signed.getvalue())
    expect("a document of c2pa-rs", run("verify", "--c2pa", "--trust", str(folder / "root.pem"), str(path)).returncode, 0)
    path.write_bytes(signed.getvalue().replace(b"Canberra", b"Camberra"))
    expect("a changed one", run("verify", "--c2pa", str(path)).returncode, 1)


def main(program):
    looked = 0
    with tempfile.TemporaryDirectory() as where:
        base = pathlib.Path(where)
        authority = Authority()
        context = c2pa.Context(c2pa.Settings.from_dict({"trust": {"trust_anchors": pem(authority.root).decode()}, "verify": {"verify_trust": True}}))
        kinds = {"es256": ec.generate_private_key(ec.SECP256R1()), "ed25519": ed25519.Ed25519PrivateKey.generate(), "ps256": rsa.generate_private_key(65537, 2048)}
        for kind, key in kinds.items():
            folder = base / kind
            folder.mkdir()
            authority.signer(folder, kind, key)
            (folder / "root.pem").write_bytes(pem(authority.root))
            make(folder)

            def run(*arguments, markdown="comment", folder=folder, kind=kind):
                (folder / "gateway.toml").write_text(
                    f'schema = 1\n[labels.c2pa]\nchain = "{kind}.pem"\nkey = "{kind}.key"\nmarkdown = "{markdown}"\n[[upstream]]\n'
                    'name = "demonstration"\ndialects = ["openai"]\nbase_url = "demonstration:"\n'
                )
                config = ["--config", str(folder / "gateway.toml"), "--state", str(folder / "state")]
                return subprocess.run([program, "label", *arguments, *config], capture_output=True, text=True, check=False)

            names = ["a.txt", "a.md", "a.html", "a.json", "a.docx", "a.pdf"]
            before = None
            for times in (1, 2):
                done = run("--c2pa", *(str(folder / file) for file in names))
                expect(f"label --c2pa, {times}", (done.returncode, done.stderr), (0, ""))
                done = run("--c2pa", str(folder / "wrapped.md"), markdown="wrapper")
                expect(f"label --c2pa of a wrapper, {times}", (done.returncode, done.stderr), (0, ""))
                now = {path.name: path.read_bytes() for path in folder.glob("*.*") if path.suffix != ".toml"}
                expect("a second time", before is None or now == before)
                before = now
            for file in [*names, "wrapped.md"]:
                looked += look(folder, file, context, kind)
                done = run("verify", "--c2pa", "--trust", str(folder / "root.pem"), str(folder / file))
                expect(f"verify {file}", done.returncode, 0)
                if file != "a.txt":
                    expect(f"the label of {file}", run("verify", str(folder / file)).returncode, 0)
            foreign(folder, context, run) if kind == "es256" else None
            # What changes is seen by both, and written anew by a second run.
            changed = folder / "a.json"
            changed.write_text(changed.read_text().replace("capital", "village"))
            expect("a changed text", run("verify", "--c2pa", str(changed)).returncode, 1)
            report = state(context, "application/c2pa", changed.read_bytes(), (folder / "a.json.c2pa").read_bytes())
            expect("a changed text by c2pa-rs", "assertion.dataHash.mismatch" in [code for code, _ in results(report)[1]])
            expect("written anew", run("--c2pa", str(changed)).returncode, 0)
            looked += look(folder, "a.json", context, kind)
    for line in failed:
        print(line)
    print(f"{looked} manifests that other programs verify" if not failed else f"{len(failed)} wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ.setdefault("NO_COLOR", "1")
    sys.exit(main(sys.argv[1]))
