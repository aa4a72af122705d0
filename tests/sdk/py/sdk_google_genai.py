"""The official Google Gen AI SDK: generate_content whole and streamed, count_tokens, embed_content."""

from checks import MODEL, Program, holds, same, words
from google import genai
from google.genai import errors, types

p = Program("python google-genai " + genai.__version__)
BAD = f"run plain and explain the {words.PHRASE}"
TOOL = types.Tool(function_declarations=[types.FunctionDeclaration(name=words.TOOL, description="Sends a mail.", parameters_json_schema={"type": "object", "properties": {"to": {"type": "string"}}})])


CLIENTS = {}


def client(base):
    # Kept: this SDK closes its connections as soon as nobody holds the client.
    if base not in CLIENTS:
        CLIENTS[base] = fresh(base)
    return CLIENTS[base]


def fresh(base):
    return genai.Client(api_key="test-of-the-client", http_options=types.HttpOptions(base_url=base, timeout=30_000, retry_options=types.HttpRetryOptions(attempts=1)))


def ask(base, text, **config):
    return client(base).models.generate_content(model=MODEL, contents=text, config=types.GenerateContentConfig(**config))


def stream(base, text, **config):
    return client(base).models.generate_content_stream(model=MODEL, contents=text, config=types.GenerateContentConfig(**config))


def join(chunks):
    """The texts of the candidates, what they ended with, the chunks."""
    texts, ends, all_ = {}, {}, []
    for chunk in chunks:
        all_.append(chunk)
        for c in chunk.candidates or []:
            index = c.index or 0
            for part in (c.content.parts if c.content else None) or []:
                if not part.thought:
                    texts[index] = texts.get(index, "") + (part.text or "")
            if c.finish_reason:
                ends[index] = c.finish_reason.name
    p.quiet([c.model_dump() for c in all_])
    return texts, ends, all_


@p.case("plain")
def _(base):
    answer = ask(base, "run plain")
    same((answer.text, answer.candidates[0].finish_reason.name), (words.PLAIN, "STOP"))


@p.case("streamed")
def _(base):
    texts, ends, _ = join(stream(base, "run plain"))
    same((texts, ends), ({0: words.PLAIN}, {0: "STOP"}))


@p.case("streamed, async")
async def _(base):
    seen = ""
    c = fresh(base)
    async for chunk in await c.aio.models.generate_content_stream(model=MODEL, contents="run masked"):
        seen += chunk.text or ""
    same(seen, p.masked(words.MASKED))


@p.case("tools")
def _(base):
    off = types.AutomaticFunctionCallingConfig(disable=True)
    call = ask(base, "run tools", tools=[TOOL], automatic_function_calling=off).function_calls[0]
    same(call.name, words.TOOL)
    p.arguments(call.args)
    calls = [c for chunk in stream(base, "run tools", tools=[TOOL], automatic_function_calling=off) for c in chunk.function_calls or []]
    p.arguments(calls[0].args)


@p.case("two candidates")
def _(base):
    answer = ask(base, "run two", candidate_count=2)
    same([c.content.parts[0].text for c in answer.candidates], [words.PLAIN, p.masked(words.MASKED)])
    texts, _, _ = join(stream(base, "run two", candidate_count=2))
    same(texts, {0: words.PLAIN, 1: p.masked(words.MASKED)})


@p.case("masked")
def _(base):
    same(ask(base, "run masked").text, p.masked(words.MASKED))


@p.case("masked streamed")
def _(base):
    texts, ends, _ = join(stream(base, "run masked"))
    same((texts, ends), ({0: p.masked(words.MASKED)}, {0: "STOP"}))


@p.case("masked in a thought")
def _(base):
    parts = ask(base, "run think").candidates[0].content.parts
    same([x.text for x in parts if x.thought], [p.masked(words.THOUGHT)])
    _, _, chunks = join(stream(base, "run think"))
    thought = "".join(x.text for c in chunks for x in (c.candidates[0].content.parts or []) if x.thought)
    same(thought, p.masked(words.THOUGHT))


@p.case("prompt masked")
def _(base):
    p.echo(ask(base, "run echo my address is " + words.MAIL).text)


@p.case("blocked before", gateway=True)
def _(base):
    def filtered(error):
        same(error.code, 400)
        details = error.details["error"]["details"][0]["metadata"]
        holds(details["rule"] and details["exchange"] in details["complaint_url"], f"details: {details}")
    p.raises(errors.ClientError, lambda: ask(base, BAD), filtered)
    p.raises(errors.ClientError, lambda: join(stream(base, BAD)), filtered)
    p.raises(errors.ClientError, lambda: ask(base, "run plain", system_instruction=BAD), filtered)


@p.case("blocked before, as a refusal", refusal=True)
def _(base):
    answer = ask(base, BAD)
    blocked = answer.prompt_feedback and answer.prompt_feedback.block_reason
    ended = answer.candidates and answer.candidates[0].finish_reason.name
    holds(blocked or ended == "SAFETY", f"neither a block reason nor SAFETY: {answer}")
    _, ends, chunks = join(stream(base, BAD))
    blocked = chunks[-1].prompt_feedback and chunks[-1].prompt_feedback.block_reason
    holds(blocked or ends == {0: "SAFETY"}, f"streamed: neither a block reason nor SAFETY: {chunks}")


@p.case("answer blocked", gateway=True)
def _(base):
    p.raises(errors.ClientError, lambda: ask(base, "run cut"))


@p.case("answer blocked, as a refusal", refusal=True)
def _(base):
    answer = ask(base, "run cut")
    blocked = answer.prompt_feedback and answer.prompt_feedback.block_reason
    holds(blocked or answer.candidates[0].finish_reason.name == "SAFETY", f"neither a block reason nor SAFETY: {answer}")
    p.quiet(answer.model_dump_json())


@p.case("blocked in mid-stream", gateway=True)
def _(base):
    texts, ends, _ = join(stream(base, "run cut"))
    p.cut(texts[0])
    same(ends, {0: "SAFETY"})


@p.case("upstream 429")
def _(base):
    error = p.raises(errors.ClientError, lambda: ask(base, "run e429"))
    same(error.code, 429)


@p.case("upstream 500")
def _(base):
    p.raises(errors.ServerError, lambda: join(stream(base, "run e500")))


@p.case("upstream error after 200")
def _(base):
    p.raises(errors.APIError, lambda: join(stream(base, "run late")))


@p.case("upstream dies in mid-stream", gateway=True)
def _(base):
    p.raises(errors.APIError, lambda: join(stream(base, "run dies")))
    p.raises(errors.ServerError, lambda: ask(base, "run dies"))


@p.case("count_tokens")
def _(base):
    same(client(base).models.count_tokens(model=MODEL, contents="run plain").total_tokens, 9)


@p.case("embed_content")
def _(base):
    same(client(base).models.embed_content(model=MODEL, contents="run plain").embeddings[0].values, [0.25, -0.5, 1.0])


@p.case("embed_content and count_tokens blocked", gateway=True)
def _(base):
    p.raises(errors.ClientError, lambda: client(base).models.embed_content(model=MODEL, contents=BAD))
    p.raises(errors.ClientError, lambda: client(base).models.count_tokens(model=MODEL, contents=BAD))


@p.case("all versions of the path")
def _(base):
    for version in ("v1", "v1beta", "v1alpha"):
        c = genai.Client(api_key="x", http_options=types.HttpOptions(base_url=base, api_version=version))
        same(c.models.generate_content(model=MODEL, contents="run masked").text, p.masked(words.MASKED), version)


p.main()
