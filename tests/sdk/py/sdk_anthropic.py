"""The official Anthropic SDK: messages whole and streamed, count_tokens, models."""

import anthropic
from checks import MODEL, Failed, Program, holds, same, words

p = Program("python anthropic " + anthropic.__version__)
TOOLS = [{"name": words.TOOL, "description": "Sends a mail.", "input_schema": {"type": "object", "properties": {"to": {"type": "string"}}}}]
BAD = f"run plain and explain the {words.PHRASE}"


def client(base):
    return anthropic.Anthropic(base_url=base, api_key="sk-ant-test-of-the-client", max_retries=0, timeout=30)


def ask(base, text, **more):
    return client(base).messages.create(model=MODEL, max_tokens=200, messages=[{"role": "user", "content": text}], **more)


def follow(stream):
    """Text, tool arguments, thinking, stop reason, events."""
    text, arguments, thought, stop, events = "", "", "", None, []
    for event in stream:
        events.append(event)
        if event.type == "content_block_delta":
            text += getattr(event.delta, "text", "")
            arguments += getattr(event.delta, "partial_json", "")
            thought += getattr(event.delta, "thinking", "")
        if event.type == "message_delta":
            stop = event.delta.stop_reason
    p.quiet([e.model_dump() for e in events])
    return text, arguments, thought, stop, events


@p.case("plain")
def _(base):
    answer = ask(base, "run plain")
    same((answer.content[0].text, answer.stop_reason), (words.PLAIN, "end_turn"))


@p.case("streamed")
def _(base):
    text, _, _, stop, events = follow(ask(base, "run plain", stream=True))
    same((text, stop, events[-1].type), (words.PLAIN, "end_turn", "message_stop"))


@p.case("streamed by the SDK's helper")
def _(base):
    with client(base).messages.stream(model=MODEL, max_tokens=200, messages=[{"role": "user", "content": "run both"}], tools=TOOLS) as s:
        same("".join(s.text_stream), p.masked(words.MASKED))
        final = s.get_final_message()
    same(final.content[0].text, p.masked(words.MASKED))
    p.arguments(final.content[1].input)
    same(final.stop_reason, "tool_use")


@p.case("streamed, async")
async def _(base):
    async with anthropic.AsyncAnthropic(base_url=base, api_key="sk-x", max_retries=0) as c:
        stream = await c.messages.create(model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "run masked"}], stream=True)
        seen = [e.delta.text async for e in stream if e.type == "content_block_delta"]
    same("".join(seen), p.masked(words.MASKED))


@p.case("tools")
def _(base):
    answer = ask(base, "run tools", tools=TOOLS)
    same((answer.content[0].name, answer.stop_reason), (words.TOOL, "tool_use"))
    p.arguments(answer.content[0].input)
    _, arguments, _, stop, _ = follow(ask(base, "run tools", tools=TOOLS, stream=True))
    p.arguments(arguments)
    same(stop, "tool_use")


@p.case("tool result with an address")
def _(base):
    messages = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": words.TOOL, "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "my address is " + words.MAIL},
                                     {"type": "text", "text": "run echo my address is " + words.MAIL}]},
    ]
    p.echo(client(base).messages.create(model=MODEL, max_tokens=9, messages=messages).content[0].text)


@p.case("masked")
def _(base):
    same(ask(base, "run masked").content[0].text, p.masked(words.MASKED))


@p.case("masked streamed")
def _(base):
    text, _, _, stop, _ = follow(ask(base, "run masked", stream=True))
    same((text, stop), (p.masked(words.MASKED), "end_turn"))


@p.case("masked in thinking")
def _(base):
    answer = ask(base, "run think")
    same(answer.content[0].thinking, p.masked(words.THOUGHT))
    _, _, thought, _, _ = follow(ask(base, "run think", stream=True))
    same(thought, p.masked(words.THOUGHT))


@p.case("prompt masked")
def _(base):
    p.echo(ask(base, "run echo my address is " + words.MAIL).content[0].text)
    p.echo(ask(base, [{"type": "text", "text": "run echo my address is " + words.MAIL}]).content[0].text)


def filtered(error):
    same((error.status_code, error.body["error"]["type"]), (400, "invalid_request_error"), "status and type")
    details = error.body["error"]["sluicegate"]
    holds(details["rule"] and details["exchange"] in details["complaint_url"], f"details: {details}")


@p.case("blocked before", gateway=True)
def _(base):
    p.raises(anthropic.BadRequestError, lambda: ask(base, BAD), filtered)
    p.raises(anthropic.BadRequestError, lambda: ask(base, BAD, stream=True), filtered)
    p.raises(anthropic.BadRequestError, lambda: ask(base, "run plain", system=f"Speak of the {words.PHRASE}."), filtered)
    p.raises(anthropic.BadRequestError, lambda: ask(base, "run plain", system=[{"type": "text", "text": BAD}]), filtered)


@p.case("blocked before, as a refusal", refusal=True)
def _(base):
    answer = ask(base, BAD)
    same(answer.stop_reason, "refusal")
    holds(answer.content[0].text, "a refusal without words")
    text, _, _, stop, events = follow(ask(base, BAD, stream=True))
    same((stop, events[-1].type), ("refusal", "message_stop"))
    holds(text, "a refusal without words")


@p.case("answer blocked", gateway=True)
def _(base):
    p.raises(anthropic.BadRequestError, lambda: ask(base, "run cut"), filtered)


@p.case("answer blocked, as a refusal", refusal=True)
def _(base):
    answer = ask(base, "run cut")
    same(answer.stop_reason, "refusal")
    p.quiet(answer.model_dump_json())


@p.case("blocked in mid-stream", gateway=True)
def _(base):
    text, _, _, stop, events = follow(ask(base, "run cut", stream=True))
    p.cut(text)
    same((stop, events[-1].type), ("refusal", "message_stop"))


@p.case("blocked in mid-stream, by the SDK's helper", gateway=True)
def _(base):
    with client(base).messages.stream(model=MODEL, max_tokens=200, messages=[{"role": "user", "content": "run cut"}]) as s:
        text = "".join(s.text_stream)
        final = s.get_final_message()
    p.cut(text)
    same((final.content[0].text, final.stop_reason), (text, "refusal"))


@p.case("upstream 429")
def _(base):
    p.raises(anthropic.RateLimitError, lambda: ask(base, "run e429"))


@p.case("upstream 500")
def _(base):
    p.raises(anthropic.InternalServerError, lambda: ask(base, "run e500", stream=True))


@p.case("upstream error after 200")
def _(base):
    p.raises(anthropic.APIStatusError, lambda: follow(ask(base, "run late", stream=True)))


@p.case("upstream dies in mid-stream", gateway=True)
def _(base):
    p.raises(anthropic.APIStatusError, lambda: follow(ask(base, "run dies", stream=True)))
    p.raises(anthropic.InternalServerError, lambda: ask(base, "run dies"))


@p.case("count_tokens")
def _(base):
    c = client(base)
    same(c.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "run plain"}]).input_tokens, 9)


@p.case("count_tokens blocked", gateway=True)
def _(base):
    run = lambda: client(base).messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": BAD}])  # noqa: E731
    p.raises(anthropic.BadRequestError, run, filtered)


@p.case("models")
def _(base):
    same([m.id for m in client(base).models.list()], [MODEL])


@p.case("beta messages take the same path")
def _(base):
    answer = client(base).beta.messages.create(model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "run masked"}])
    same(answer.content[0].text, p.masked(words.MASKED))


@p.case("image is refused", gateway=True)
def _(base):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": words.PNG}}
    try:
        ask(base, [image, {"type": "text", "text": "run plain"}])
    except anthropic.BadRequestError:
        return
    raise Failed("an image passed unread")


p.main()
