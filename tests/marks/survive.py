#!/usr/bin/env python3
"""What marks survive: texts go through a running gateway, then through programs that clean texts, and then to the gateway's detector.

    survive.py PROGRAM

Wants ftfy, bleach, nh3 and markdown. Prints the table of `docs/marks.md`.
"""

import contextlib
import html
import html.parser
import http.client
import http.server
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import unicodedata

import bleach
import ftfy
import markdown
import nh3

LATIN = """the river carries water from mountains into valley where people have lived since early times and built their houses along
its banks because fields were fertile however floods could destroy whole villages within hours so careful planning of dams became
a common task for every town that wanted to last longer than one generation""".split()
HAN = """模型 可以 生成 文本 内容 需要 按照 规定 进行 标识 用户 在 使用 服务 时 应当 了解 这是 人工智能 系统 之间 关系 因此 我们 建议 先 阅读 说明 再
开始 操作 数据 安全 与 隐私 保护 同样 重要 目的 明确 以后 才能 继续""".split()


def document(number):
    dice = random.Random(number)
    chinese = number % 2
    paragraphs = []
    for _ in range(4):
        sentences = []
        for _ in range(4):
            words = [dice.choice(HAN if chinese else LATIN) for _ in range(dice.randint(8, 18))]
            if chinese:
                half = len(words) // 2
                sentences.append("".join(words[:half]) + "，" + "".join(words[half:]) + "。")
            else:
                sentences.append(" ".join(words).capitalize() + ". ")
        paragraphs.append("".join(sentences))
    return "\n\n".join(paragraphs) + "\n\n```python\nvalue = compute(1)  # the words of a comment that nobody changes\n```\n"


class Upstream(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        SEEN.append(body)
        text = document(int(body["messages"][-1]["content"]))
        dice, pieces = random.Random(text), []
        while text:
            n = dice.randint(1, 12)
            pieces.append(text[:n])
            text = text[n:]
        if body.get("stream"):
            events = [{"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in pieces]
            events.append({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            out = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
            media = "text/event-stream"
        else:
            message = {"role": "assistant", "content": "".join(pieces)}
            out = json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
            media = "application/json"
        self.send_response(200)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(out.encode())))
        self.end_headers()
        self.wfile.write(out.encode())

    def log_message(self, *_):
        pass


SEEN = []


class Text(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.out = []

    def handle_data(self, data):
        self.out.append(data)


def shown(page):
    reader = Text()
    reader.feed(page)
    return "".join(reader.out)


def without(*classes):
    return lambda text: "".join(c for c in text if unicodedata.category(c) not in classes)


FILTERS = [
    ("nothing", lambda t: t, True),
    ("NFC", lambda t: unicodedata.normalize("NFC", t), True),
    ("NFD", lambda t: unicodedata.normalize("NFD", t), True),
    ("NFKC", lambda t: unicodedata.normalize("NFKC", t), True),
    ("NFKD", lambda t: unicodedata.normalize("NFKD", t), True),
    ("JSON, ASCII alone, and back", lambda t: json.loads(json.dumps(t)), True),
    ("HTML, escaped and back", lambda t: html.unescape(html.escape(t)), True),
    ("white space as one space", lambda t: " ".join(t.split()), True),
    ("lines stripped", lambda t: "\n".join(line.strip() for line in t.split("\n")), True),
    ("lower case", str.lower, True),
    ("GB 18030 and back", lambda t: t.encode("gb18030").decode("gb18030"), True),
    ("Markdown to HTML to text", lambda t: shown(markdown.markdown(t, extensions=["fenced_code"])), True),
    ("ftfy", ftfy.fix_text, True),
    ("bleach", bleach.clean, True),
    ("nh3", nh3.clean, True),
    ("no format characters (Cf)", without("Cf"), True),
    ("no combining marks (Mn)", without("Mn"), True),
    ("BMP alone", lambda t: "".join(c for c in t if ord(c) < 0x10000), True),
    ("str.isprintable", lambda t: "".join(c for c in t if c.isprintable() or c.isspace()), True),
    ("[\\u200B-\\u200D\\uFEFF] removed", lambda t: "".join(c for c in t if c not in "\u200b\u200c\u200d\ufeff"), True),
    ("neither Cf nor Mn", without("Cf", "Mn"), False),
    ("GBK, what does not fit ignored", lambda t: t.encode("gbk", "ignore").decode("gbk"), False),
]


def ask(address, path, body):
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    response = connection.getresponse()
    assert response.status == 200, (path, response.status, response.read())
    return response.read().decode()


def answer(address, number, stream):
    body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": str(number)}]}
    got = ask(address, "/v1/chat/completions", body)
    if not stream:
        return json.loads(got)["choices"][0]["message"]["content"]
    events = [json.loads(line[6:]) for line in got.split("\n") if line.startswith("data: {")]
    return "".join(event["choices"][0]["delta"].get("content", "") for event in events)


@contextlib.contextmanager
def running(program, folder):
    """A gateway that marks, before an upstream that says `document(NUMBER)`; its address."""
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    config = pathlib.Path(folder) / "gateway.toml"
    config.write_text(f"""schema = 1
[server]
data = "127.0.0.1:0"
operations = "127.0.0.1:0"
state = "state"
[policy]
profile = "default"
mark = "standard"
[marks.detector]
per_minute = 100000
per_minute_in_all = 100000
[[upstream]]
name = "fake"
dialects = ["openai"]
base_url = "http://127.0.0.1:{upstream.server_port}"
""")
    process = subprocess.Popen([program, "serve", "--config", config], stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().split("http://")[1].strip()
    finally:
        process.terminate()
        process.wait()


def main():
    program, passed, failed = sys.argv[1], 0, 0

    def check(what, good):
        nonlocal passed, failed
        passed, failed = passed + bool(good), failed + (not good)
        if not good:
            print(f"FAILED: {what}")

    with tempfile.TemporaryDirectory() as folder, running(program, folder) as address:
        texts = [answer(address, number, True) for number in range(30)]
        for number, text in enumerate(texts):
            check(f"{number}: whole as streamed", answer(address, number, False) == text)
            history = [{"role": "user", "content": "0"}, {"role": "assistant", "content": text}, {"role": "user", "content": "1"}]
            ask(address, "/v1/chat/completions", {"model": "m", "messages": history})
            check(f"{number}: stripped on its way back", SEEN[-1]["messages"][1]["content"] == document(number))
            kept = ["```" not in text or text.split("```")[1] == document(number).split("```")[1]]
            check(f"{number}: code as it was", all(kept))
        print(f"{'behind a filter':<34} {'verified':>9} {'unchanged':>10}")
        for name, filtered, lasts in FILTERS:
            layers = [json.loads(ask(address, "/v1/detect", {"text": filtered(text)}))["layers"]["mark"] for text in texts]
            verified = sum(layer["verdict"] in ("bound", "edited") for layer in layers)
            bound = sum(layer["verdict"] == "bound" for layer in layers)
            print(f"{name:<34} {100 * verified / len(texts):>7.0f} % {100 * bound / len(texts):>8.0f} %")
            check(name, verified == (len(texts) if lasts else 0))
        plain = json.loads(ask(address, "/v1/detect", {"text": document(1)}))["layers"]["mark"]
        check("a text without marks", plain["verdict"] == "none")
        command = subprocess.run([program, "detect", "--config", pathlib.Path(folder) / "gateway.toml", "--format", "json"], input=texts[0], stdout=subprocess.PIPE, text=True, check=False)
        check("the command agrees", command.returncode == 0 and json.loads(command.stdout)["layers"]["mark"]["verdict"] == "bound")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
