"""The official Ollama SDK: chat, generate, embed."""

import importlib.metadata

import ollama
from checks import MODEL, Program, holds, same, words

p = Program("python ollama " + importlib.metadata.version("ollama"))
BAD = f"run plain and explain the {words.PHRASE}"
TOOL = {"type": "function", "function": {"name": words.TOOL, "description": "Sends a mail.", "parameters": {"type": "object", "properties": {"to": {"type": "string"}}}}}


def ask(base, text, **more):
    return ollama.Client(host=base, timeout=30).chat(model=MODEL, messages=[{"role": "user", "content": text}], **more)


def generate(base, text, **more):
    return ollama.Client(host=base, timeout=30).generate(model=MODEL, prompt=text, **more)


def join(chunks):
    """Text, thinking, done reason, chunks."""
    text, thought, why, all_ = "", "", None, []
    for chunk in chunks:
        all_.append(chunk)
        text += chunk.message.content or ""
        thought += chunk.message.thinking or ""
        why = chunk.done_reason or why
    p.quiet([c.model_dump() for c in all_])
    holds(all_[-1].done, "the last line is not done")
    return text, thought, why, all_


@p.case("chat plain")
def _(base):
    answer = ask(base, "run plain")
    same((answer.message.content, answer.done_reason), (words.PLAIN, "stop"))


@p.case("chat streamed")
def _(base):
    text, _, why, _ = join(ask(base, "run plain", stream=True))
    same((text, why), (words.PLAIN, "stop"))


@p.case("chat streamed, async")
async def _(base):
    seen = ""
    async for chunk in await ollama.AsyncClient(host=base).chat(model=MODEL, messages=[{"role": "user", "content": "run masked"}], stream=True):
        seen += chunk.message.content
    same(seen, p.masked(words.MASKED))


@p.case("chat tools")
def _(base):
    p.arguments(ask(base, "run tools", tools=[TOOL]).message.tool_calls[0].function.arguments)
    _, _, _, chunks = join(ask(base, "run tools", tools=[TOOL], stream=True))
    calls = [c for chunk in chunks for c in chunk.message.tool_calls or []]
    same(calls[0].function.name, words.TOOL)
    p.arguments(calls[0].function.arguments)


@p.case("chat masked")
def _(base):
    same(ask(base, "run masked").message.content, p.masked(words.MASKED))
    text, _, why, _ = join(ask(base, "run masked", stream=True))
    same((text, why), (p.masked(words.MASKED), "stop"))


@p.case("chat masked in thinking")
def _(base):
    same(ask(base, "run think").message.thinking, p.masked(words.THOUGHT))
    _, thought, _, _ = join(ask(base, "run think", stream=True))
    same(thought, p.masked(words.THOUGHT))


@p.case("chat prompt masked")
def _(base):
    p.echo(ask(base, "run echo my address is " + words.MAIL).message.content)


def filtered(error):
    same(error.status_code, 400)


@p.case("chat blocked before", gateway=True)
def _(base):
    p.raises(ollama.ResponseError, lambda: ask(base, BAD), filtered)
    p.raises(ollama.ResponseError, lambda: join(ask(base, BAD, stream=True)), filtered)


@p.case("chat blocked before, as a refusal", refusal=True)
def _(base):
    answer = ask(base, BAD)
    holds(answer.message.content and answer.done, "a refusal without words")
    same(answer.done_reason, "content_filter")
    text, _, why, _ = join(ask(base, BAD, stream=True))
    holds(text, "a refusal without words")
    same(why, "content_filter")


@p.case("chat answer blocked", gateway=True)
def _(base):
    p.raises(ollama.ResponseError, lambda: ask(base, "run cut"), filtered)


@p.case("chat answer blocked, as a refusal", refusal=True)
def _(base):
    answer = ask(base, "run cut")
    same(answer.done_reason, "content_filter")
    p.quiet(answer.model_dump_json())


@p.case("chat blocked in mid-stream", gateway=True)
def _(base):
    text, _, why, _ = join(ask(base, "run cut", stream=True))
    p.cut(text)
    same(why, "content_filter")


@p.case("chat upstream errors")
def _(base):
    same(p.raises(ollama.ResponseError, lambda: ask(base, "run e429")).status_code, 429)
    same(p.raises(ollama.ResponseError, lambda: join(ask(base, "run e500", stream=True))).status_code, 500)
    p.raises(ollama.ResponseError, lambda: join(ask(base, "run late", stream=True)))


@p.case("chat upstream dies in mid-stream", gateway=True)
def _(base):
    p.raises(ollama.ResponseError, lambda: join(ask(base, "run dies", stream=True)))
    same(p.raises(ollama.ResponseError, lambda: ask(base, "run dies")).status_code, 502)


@p.case("generate")
def _(base):
    same(generate(base, "run plain").response, words.PLAIN)
    same(generate(base, "run masked").response, p.masked(words.MASKED))
    same("".join(c.response for c in generate(base, "run masked", stream=True)), p.masked(words.MASKED))
    p.echo(generate(base, "run echo my address is " + words.MAIL).response)


@p.case("generate blocked", gateway=True)
def _(base):
    p.raises(ollama.ResponseError, lambda: generate(base, BAD), filtered)
    p.raises(ollama.ResponseError, lambda: generate(base, "run plain", system=BAD), filtered)
    chunks = list(generate(base, "run cut", stream=True))
    p.cut("".join(c.response for c in chunks))
    same((chunks[-1].done, chunks[-1].done_reason), (True, "content_filter"))


@p.case("embed")
def _(base):
    answer = ollama.Client(host=base).embed(model=MODEL, input=["run plain", "two"])
    same([list(e) for e in answer.embeddings], [[0.25, -0.5, 1.0]] * 2)


@p.case("embed blocked", gateway=True)
def _(base):
    p.raises(ollama.ResponseError, lambda: ollama.Client(host=base).embed(model=MODEL, input=["fine", BAD]), filtered)


@p.case("list of models")
def _(base):
    same([m.model for m in ollama.Client(host=base).list().models], [MODEL])


p.main()
