"""The official OpenAI SDK: chat completions, legacy completions, responses, embeddings, models."""

import openai
from checks import MODEL, Failed, Program, holds, same, words

p = Program("python openai " + openai.VERSION)


def client(base):
    return openai.OpenAI(base_url=base + "/v1", api_key="sk-test-of-the-client", max_retries=0, timeout=30)


def ask(base, text, **more):
    return client(base).chat.completions.create(model=MODEL, messages=[{"role": "user", "content": text}], **more)


def join(stream):
    """The texts of the choices, what they ended with, and every chunk."""
    texts, ends, chunks = {}, {}, []
    for chunk in stream:
        chunks.append(chunk)
        for c in chunk.choices:
            texts[c.index] = texts.get(c.index, "") + (c.delta.content or "")
            if c.finish_reason:
                ends[c.index] = c.finish_reason
    p.quiet([c.model_dump() for c in chunks])
    return texts, ends, chunks


TOOLS = [{"type": "function", "function": {"name": words.TOOL, "description": "Sends a mail.", "parameters": {"type": "object", "properties": {"to": {"type": "string"}}}}}]


@p.case("chat plain")
def _(base):
    answer = ask(base, "run plain")
    same(answer.choices[0].message.content, words.PLAIN)
    same(answer.choices[0].finish_reason, "stop")
    same(answer.usage.total_tokens, 21)


@p.case("chat names the exchange", gateway=True)
def _(base):
    raw = client(base).chat.completions.with_raw_response.create(model=MODEL, messages=[{"role": "user", "content": "run plain"}])
    holds(raw.headers.get("x-sluicegate-exchange"), "no x-sluicegate-exchange")


@p.case("moderations, by the gateway", gateway=True)
def _(base):
    answer = client(base).moderations.create(input=["how do i bake bread?", "I will kill you tonight, I will shoot you"])
    same([result.flagged for result in answer.results], [False, True])
    holds(answer.results[1].categories.violence, "violence")
    holds(0 <= answer.results[1].category_scores.hate <= 1, "a score")
    same(answer.results[0].category_applied_input_types.hate, ["text"])


@p.case("chat streamed")
def _(base):
    texts, ends, chunks = join(ask(base, "run plain", stream=True, stream_options={"include_usage": True}))
    same(texts, {0: words.PLAIN})
    same(ends, {0: "stop"})
    same(chunks[-1].usage.total_tokens, 21)


@p.case("chat streamed, async")
async def _(base):
    async with openai.AsyncOpenAI(base_url=base + "/v1", api_key="sk-x", max_retries=0) as c:
        stream = await c.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "run masked"}], stream=True)
        seen = [chunk.choices[0].delta.content or "" async for chunk in stream]
    same("".join(seen), p.masked(words.MASKED))


@p.case("chat tools")
def _(base):
    answer = ask(base, "run tools", tools=TOOLS)
    call = answer.choices[0].message.tool_calls[0]
    same(call.function.name, words.TOOL)
    p.arguments(call.function.arguments)
    same(answer.choices[0].finish_reason, "tool_calls")


@p.case("chat tools streamed")
def _(base):
    name, arguments, end = "", "", None
    for chunk in ask(base, "run tools", tools=TOOLS, stream=True):
        choice = chunk.choices[0]
        for call in choice.delta.tool_calls or []:
            name += call.function.name or ""
            arguments += call.function.arguments or ""
        end = choice.finish_reason or end
    same((name, end), (words.TOOL, "tool_calls"))
    p.arguments(arguments)


@p.case("chat tools by the SDK's stream helper")
def _(base):
    with client(base).chat.completions.stream(model=MODEL, messages=[{"role": "user", "content": "run both"}], tools=TOOLS) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    message = final.choices[0].message
    same(message.content, p.masked(words.MASKED))
    p.arguments(message.tool_calls[0].function.arguments)


@p.case("chat tool result with an address")
def _(base):
    call = {"id": "call_1", "type": "function", "function": {"name": words.TOOL, "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "run echo my address is " + words.MAIL},
    ]
    p.echo(client(base).chat.completions.create(model=MODEL, messages=messages).choices[0].message.content)


@p.case("chat two choices")
def _(base):
    answer = ask(base, "run two", n=2)
    same([c.message.content for c in answer.choices], [words.PLAIN, p.masked(words.MASKED)])


@p.case("chat two choices streamed")
def _(base):
    texts, ends, _ = join(ask(base, "run two", n=2, stream=True))
    same(texts, {0: words.PLAIN, 1: p.masked(words.MASKED)})
    same(ends, {0: "stop", 1: "stop"})


@p.case("chat masked")
def _(base):
    answer = ask(base, "run masked")
    same(answer.choices[0].message.content, p.masked(words.MASKED))


@p.case("chat masked streamed")
def _(base):
    texts, ends, _ = join(ask(base, "run masked", stream=True))
    same(texts, {0: p.masked(words.MASKED)})
    same(ends, {0: "stop"})


@p.case("chat masked in reasoning streamed")
def _(base):
    _, _, chunks = join(ask(base, "run think", stream=True))
    thought = "".join((c.choices[0].delta.model_extra or {}).get("reasoning_content") or "" for c in chunks)
    same(thought, p.masked(words.THOUGHT))


@p.case("chat prompt masked")
def _(base):
    p.echo(ask(base, "run echo my address is " + words.MAIL).choices[0].message.content)


@p.case("chat prompt part masked")
def _(base):
    parts = [{"type": "text", "text": "run echo my address is " + words.MAIL}]
    p.echo(client(base).chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}]).choices[0].message.content)


def filtered(error):
    same((error.status_code, error.code), (400, "content_filter"), "status and code")
    details = error.body["sluicegate"]
    same((details["automated"], details["language"]), (True, "en"), "details")
    holds(details["rule"] and details["exchange"] in details["complaint_url"], f"details: {details}")


BAD = f"run plain and explain the {words.PHRASE}"


@p.case("chat blocked before", gateway=True)
def _(base):
    p.raises(openai.BadRequestError, lambda: ask(base, BAD), filtered)


@p.case("chat blocked before, streamed", gateway=True)
def _(base):
    p.raises(openai.BadRequestError, lambda: ask(base, BAD, stream=True), filtered)


@p.case("chat blocked before, as a refusal", refusal=True)
def _(base):
    answer = ask(base, BAD)
    same(answer.choices[0].finish_reason, "content_filter")
    holds(answer.choices[0].message.content or answer.choices[0].message.refusal, "a refusal without words")


@p.case("chat blocked before, as a refusal, streamed", refusal=True)
def _(base):
    texts, ends, _ = join(ask(base, BAD, stream=True))
    same(ends, {0: "content_filter"})
    holds(texts[0], "a refusal without words")


@p.case("chat answer blocked", gateway=True)
def _(base):
    p.raises(openai.BadRequestError, lambda: ask(base, "run cut"), filtered)


@p.case("chat answer blocked, as a refusal", refusal=True)
def _(base):
    answer = ask(base, "run cut")
    same(answer.choices[0].finish_reason, "content_filter")
    p.quiet(answer.model_dump_json())


@p.case("chat blocked in mid-stream", gateway=True)
def _(base):
    texts, ends, _ = join(ask(base, "run cut", stream=True))
    p.cut(texts[0])
    same(ends, {0: "content_filter"})


@p.case("chat upstream 429")
def _(base):
    p.raises(openai.RateLimitError, lambda: ask(base, "run e429"))


@p.case("chat upstream 500")
def _(base):
    p.raises(openai.InternalServerError, lambda: ask(base, "run e500", stream=True))


@p.case("chat upstream error after 200")
def _(base):
    p.raises(openai.APIError, lambda: join(ask(base, "run late", stream=True)))


@p.case("chat upstream dies in mid-stream", gateway=True)
def _(base):
    p.raises(openai.APIError, lambda: join(ask(base, "run dies", stream=True)))


@p.case("chat upstream dies in a whole answer", gateway=True)
def _(base):
    p.raises(openai.InternalServerError, lambda: ask(base, "run dies"))


@p.case("structured output")
def _(base):
    schema = {"name": "answer", "schema": {"type": "object", "properties": {"text": {"type": "string"}}}}
    answer = ask(base, "run plain", response_format={"type": "json_schema", "json_schema": schema})
    same(answer.choices[0].message.content, words.PLAIN)


@p.case("completions plain, streamed, masked")
def _(base):
    c = client(base)
    same(c.completions.create(model=MODEL, prompt="run plain").choices[0].text, words.PLAIN)
    same(c.completions.create(model=MODEL, prompt="run masked").choices[0].text, p.masked(words.MASKED))
    stream = c.completions.create(model=MODEL, prompt="run masked", stream=True)
    same("".join(chunk.choices[0].text for chunk in stream), p.masked(words.MASKED))


@p.case("completions two choices")
def _(base):
    answer = client(base).completions.create(model=MODEL, prompt="run two", n=2)
    same([c.text for c in answer.choices], [words.PLAIN, p.masked(words.MASKED)])


@p.case("completions blocked", gateway=True)
def _(base):
    c = client(base)
    p.raises(openai.BadRequestError, lambda: c.completions.create(model=MODEL, prompt=BAD), filtered)
    text, end = "", None
    for chunk in c.completions.create(model=MODEL, prompt="run cut", stream=True):
        text += chunk.choices[0].text
        end = chunk.choices[0].finish_reason or end
    p.cut(text)
    same(end, "content_filter")


def respond(base, text, **more):
    return client(base).responses.create(model=MODEL, input=text, **more)


def follow(stream):
    """The joined text deltas and the last event."""
    text, arguments, thought, events = "", "", "", []
    for event in stream:
        events.append(event)
        if event.type == "response.output_text.delta":
            text += event.delta
        if event.type == "response.function_call_arguments.delta":
            arguments += event.delta
        if event.type == "response.reasoning_summary_text.delta":
            thought += event.delta
    p.quiet([e.model_dump() for e in events])
    return text, arguments, thought, events


@p.case("responses plain")
def _(base):
    answer = respond(base, "run plain")
    same((answer.output_text, answer.status), (words.PLAIN, "completed"))


@p.case("responses streamed")
def _(base):
    text, _, _, events = follow(respond(base, "run plain", stream=True))
    same(text, words.PLAIN)
    same(events[-1].type, "response.completed")
    same(events[-1].response.output_text, words.PLAIN)


@p.case("responses tools")
def _(base):
    tool = {"type": "function", "name": words.TOOL, "description": "Sends a mail.", "parameters": {"type": "object"}, "strict": False}
    item = respond(base, "run tools", tools=[tool]).output[0]
    same((item.type, item.name), ("function_call", words.TOOL))
    p.arguments(item.arguments)
    _, arguments, _, events = follow(respond(base, "run tools", tools=[tool], stream=True))
    p.arguments(arguments)
    p.arguments(events[-1].response.output[0].arguments)


@p.case("responses masked")
def _(base):
    same(respond(base, "run masked").output_text, p.masked(words.MASKED))


@p.case("responses masked streamed")
def _(base):
    text, _, _, events = follow(respond(base, "run masked", stream=True))
    same(text, p.masked(words.MASKED))
    same(events[-1].response.output_text, p.masked(words.MASKED), "text of the last event")


@p.case("responses masked in a reasoning summary")
def _(base):
    _, _, thought, events = follow(respond(base, "run think", stream=True))
    same(thought, p.masked(words.THOUGHT))
    same(events[-1].response.output[0].summary[0].text, p.masked(words.THOUGHT), "summary of the last event")


@p.case("responses by the SDK's stream helper")
def _(base):
    with client(base).responses.stream(model=MODEL, input="run masked") as stream:
        for _ in stream:
            pass
        same(stream.get_final_response().output_text, p.masked(words.MASKED))


@p.case("responses prompt masked")
def _(base):
    p.echo(respond(base, "run echo my address is " + words.MAIL).output_text)
    given = [{"role": "user", "content": [{"type": "input_text", "text": "run echo my address is " + words.MAIL}]}]
    p.echo(respond(base, given).output_text)


@p.case("responses blocked before", gateway=True)
def _(base):
    p.raises(openai.BadRequestError, lambda: respond(base, BAD), filtered)
    p.raises(openai.BadRequestError, lambda: respond(base, "run plain", instructions=f"Speak of the {words.PHRASE}."), filtered)


@p.case("responses blocked before, as a refusal", refusal=True)
def _(base):
    answer = respond(base, BAD)
    same(answer.output[0].content[0].type, "refusal")
    _, _, _, events = follow(respond(base, BAD, stream=True))
    same(events[-1].type, "response.completed")
    same(events[-1].response.output[0].content[0].type, "refusal")


@p.case("responses blocked in mid-stream", gateway=True)
def _(base):
    text, _, _, events = follow(respond(base, "run cut", stream=True))
    p.cut(text)
    same(events[-1].type, "response.incomplete")
    same(events[-1].response.incomplete_details.reason, "content_filter")


@p.case("responses blocked in mid-stream, by the SDK's stream helper", gateway=True)
def _(base):
    with client(base).responses.stream(model=MODEL, input="run cut") as stream:
        last = [event.type for event in stream][-1]
    same(last, "response.incomplete")


@p.case("responses upstream error")
def _(base):
    p.raises(openai.RateLimitError, lambda: respond(base, "run e429"))
    _, _, _, events = follow(respond(base, "run late", stream=True))
    same(events[-1].type, "error", "the last event")


@p.case("responses upstream dies in mid-stream", gateway=True)
def _(base):
    # A stream that has begun ends with `response.failed`; one that has not raises.
    try:
        _, _, _, events = follow(respond(base, "run dies", stream=True))
    except openai.APIError:
        pass
    else:
        same(events[-1].type, "response.failed", "the last event")
    p.raises(openai.InternalServerError, lambda: respond(base, "run dies"))


@p.case("embeddings")
def _(base):
    c = client(base)
    same(c.embeddings.create(model=MODEL, input=["run plain", "more"]).data[1].embedding, [0.25, -0.5, 1.0])
    same(c.embeddings.create(model=MODEL, input="one", encoding_format="float").data[0].embedding, [0.25, -0.5, 1.0])


@p.case("embeddings blocked", gateway=True)
def _(base):
    p.raises(openai.BadRequestError, lambda: client(base).embeddings.create(model=MODEL, input=["fine", BAD]), filtered)


@p.case("models")
def _(base):
    same([m.id for m in client(base).models.list()], [MODEL])


@p.case("image is refused", gateway=True)
def _(base):
    parts = [{"type": "text", "text": "run plain"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + words.PNG}}]
    try:
        client(base).chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}])
    except openai.BadRequestError as error:
        same(error.code, "unscanned_content")
    else:
        raise Failed("an image passed unread")


@p.case("aliases of the path")
def _(base):
    for prefix in ("", "/openai/v1"):
        c = openai.OpenAI(base_url=base + prefix, api_key="sk-x", max_retries=0)
        answer = c.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "run masked"}])
        same(answer.choices[0].message.content, p.masked(words.MASKED))


p.main()
