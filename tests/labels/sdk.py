#!/usr/bin/env python3
"""Labelled and marked answers in the official SDKs, whole and streamed: each reads what it always reads, with the label in the text and marks that
nobody sees. What a program reads has neither.

    sdk.py PROGRAM      runs under the Python of .cache/sdk/py
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unicodedata
import urllib.request

import anthropic
import ollama
import openai
from google import genai

LABEL = "AI-generated content (人工智能生成)"
ASK = "How do I reach Alex? What is the way to do that?"
MODES = ["inline-prefix", "inline-suffix", "inline-both", "inline-paragraph"]
MARKS = ["off", "dense"]


def seen(text):
    """A text without what nobody sees: format characters and variation selectors."""
    return "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Mn"))


def exact(address):
    """What programs read: JSON mode, a schema, log-probabilities."""
    gpt = openai.OpenAI(base_url=f"http://{address}/v1", api_key="x", max_retries=0)
    user = [{"role": "user", "content": ASK}]
    schema = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
    for more in ({"response_format": {"type": "json_object"}}, {"response_format": schema}, {"logprobs": True}):
        yield str(more), gpt.chat.completions.create(model="demo", messages=user, **more).choices[0].message.content
        pieces = gpt.chat.completions.create(model="demo", messages=user, stream=True, **more)
        yield f"{more} stream", "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)


def texts(address):
    """What each SDK reads: its name, and the text."""
    gpt = openai.OpenAI(base_url=f"http://{address}/v1", api_key="x", max_retries=0)
    user = [{"role": "user", "content": ASK}]
    yield "openai chat", gpt.chat.completions.create(model="demo", messages=user).choices[0].message.content
    with gpt.chat.completions.stream(model="demo", messages=user) as stream:
        pieces = "".join(event.delta for event in stream if event.type == "content.delta")
        assert stream.get_final_completion().choices[0].message.content == pieces
    yield "openai chat stream", pieces
    yield "openai responses", gpt.responses.create(model="demo", input=ASK).output_text
    with gpt.responses.stream(model="demo", input=ASK) as stream:
        pieces = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        assert stream.get_final_response().output_text == pieces
    yield "openai responses stream", pieces
    claude = anthropic.Anthropic(base_url=f"http://{address}", api_key="x", max_retries=0)
    message = {"model": "demo", "max_tokens": 100, "messages": user}
    yield "anthropic", "".join(block.text for block in claude.messages.create(**message).content if block.type == "text")
    with claude.messages.stream(**message) as stream:
        pieces = "".join(stream.text_stream)
        assert "".join(block.text for block in stream.get_final_message().content if block.type == "text") == pieces
    yield "anthropic stream", pieces
    gemini = genai.Client(api_key="x", http_options={"base_url": f"http://{address}"})
    yield "google-genai", gemini.models.generate_content(model="demo", contents=ASK).text
    yield "google-genai stream", "".join(chunk.text or "" for chunk in gemini.models.generate_content_stream(model="demo", contents=ASK))
    llama = ollama.Client(host=f"http://{address}")
    yield "ollama", llama.chat(model="demo", messages=user).message.content
    yield "ollama stream", "".join(part.message.content or "" for part in llama.chat(model="demo", messages=user, stream=True))


def main(program):
    failed = read = 0
    plain = {}
    for mode, mark in [(mode, mark) for mode in MODES for mark in MARKS]:
        marked = 0
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "gateway.toml"
            config.write_text(
                f'schema = 1\n[labels]\nmode = "{mode}"\nmetadata = true\ntexts = {{ en = "{LABEL}" }}\n[policy]\nmark = "{mark}"\n'
                '[[upstream]]\nname = "demonstration"\ndialects = ["openai", "anthropic", "gemini", "ollama"]\nbase_url = "demonstration:"\n'
            )
            command = [program, "serve", "--config", config, "--state", pathlib.Path(folder) / "state", "--data", "127.0.0.1:0", "--operations", "127.0.0.1:0"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            try:
                address = process.stdout.readline().split("http://")[1].strip()
                for sdk, text in texts(address):
                    read += 1
                    count = {"inline-both": 2}.get(mode, 1)
                    begins = mode in ("inline-prefix", "inline-both")
                    sound = text.count(LABEL) == count and text.startswith(LABEL) == begins and len(text) > count * len(LABEL) + 10
                    # A mark adds nothing that is seen, and takes nothing away.
                    sound &= plain.setdefault((mode, sdk), text) == (seen(text) if mark != "off" else text)
                    marked += seen(text) != text
                    if not sound:
                        failed += 1
                        print(f"{mode}, {mark}, {sdk}: {text!r}")
                for what, text in exact(address):
                    read += 1
                    if LABEL in text or seen(text) != text or not text:
                        failed += 1
                        print(f"{mode}, {mark}, {what}: {text!r}")
                if (marked > 0) != (mark != "off"):
                    failed += 1
                    print(f"{mode}, {mark}: {marked} texts have marks")
                body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": ASK}]}).encode()
                request = urllib.request.Request(f"http://{address}/v1/chat/completions", body, {"content-type": "application/json"})
                with urllib.request.urlopen(request) as answer:
                    assert json.loads(answer.headers["x-sluicegate-label"])["AIGC"]["Label"] == "1"
            finally:
                process.terminate()
                process.wait(30)
    print(f"{read} labelled and marked answers read by official SDKs, {failed} wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
