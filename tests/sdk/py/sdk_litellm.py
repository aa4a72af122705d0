"""litellm as a client library, through its OpenAI, Anthropic, Gemini and Ollama providers."""

import importlib.metadata
import os

# It would else fetch a price list from the network.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402
from checks import MODEL, Program, holds, same, words  # noqa: E402

p = Program("python litellm " + importlib.metadata.version("litellm"))
BAD = f"run plain and explain the {words.PHRASE}"
TOOLS = [{"type": "function", "function": {"name": words.TOOL, "description": "Sends a mail.", "parameters": {"type": "object", "properties": {"to": {"type": "string"}}}}}]
litellm.suppress_debug_info = True
litellm.telemetry = False


def ask(base, provider, text, **more):
    api = {
        "openai": base + "/v1",
        "anthropic": base,
        "gemini": base + "/v1beta",
        "ollama_chat": base,
    }[provider]
    return litellm.completion(model=f"{provider}/{MODEL}", api_base=api, api_key="sk-test", num_retries=0, timeout=30,
                              messages=[{"role": "user", "content": text}], **more)


def join(stream):
    text, end, arguments, chunks = "", None, "", []
    for chunk in stream:
        chunks.append(chunk)
        choice = chunk.choices[0]
        text += choice.delta.content or ""
        for call in choice.delta.tool_calls or []:
            arguments += call.function.arguments or ""
        end = choice.finish_reason or end
    p.quiet(repr(chunks))
    return text, end, arguments


def each(provider):
    """The same cases for each provider."""

    @p.case(f"{provider} plain")
    def _(base):
        answer = ask(base, provider, "run plain")
        same((answer.choices[0].message.content, answer.choices[0].finish_reason), (words.PLAIN, "stop"))

    @p.case(f"{provider} streamed")
    def _(base):
        text, end, _ = join(ask(base, provider, "run plain", stream=True))
        same((text, end), (words.PLAIN, "stop"))

    @p.case(f"{provider} tools")
    def _(base):
        p.arguments(ask(base, provider, "run tools", tools=TOOLS).choices[0].message.tool_calls[0].function.arguments)
        p.arguments(join(ask(base, provider, "run tools", tools=TOOLS, stream=True))[2])

    @p.case(f"{provider} masked")
    def _(base):
        same(ask(base, provider, "run masked").choices[0].message.content, p.masked(words.MASKED))
        same(join(ask(base, provider, "run masked", stream=True))[0], p.masked(words.MASKED))
        p.echo(ask(base, provider, "run echo my address is " + words.MAIL).choices[0].message.content)

    @p.case(f"{provider} blocked before", gateway=True)
    def _(base):
        # litellm maps a provider's 400 to its own BadRequestError, of which ContentPolicyViolationError is one.
        p.raises(litellm.BadRequestError, lambda: ask(base, provider, BAD))
        p.raises((litellm.BadRequestError, litellm.APIConnectionError), lambda: join(ask(base, provider, BAD, stream=True)))

    @p.case(f"{provider} blocked in mid-stream", gateway=True)
    def _(base):
        text, end, _ = join(ask(base, provider, "run cut", stream=True))
        p.cut(text)
        # It knows Ollama's `done_reason` only as "stop" or "length".
        holds(end == "content_filter" or provider == "ollama_chat", f"ended with {end}")

    @p.case(f"{provider} upstream errors")
    def _(base):
        p.raises((litellm.RateLimitError, litellm.APIConnectionError), lambda: ask(base, provider, "run e429"))
        p.raises((litellm.InternalServerError, litellm.APIConnectionError), lambda: ask(base, provider, "run e500"))

    @p.case(f"{provider} upstream error after 200")
    def _(base):
        # litellm raises one of its own errors, or, in a stream of Ollama's, the bare one.
        p.raises(Exception, lambda: join(ask(base, provider, "run late", stream=True)))

    @p.case(f"{provider} upstream dies in mid-stream", gateway=True)
    def _(base):
        p.raises(Exception, lambda: join(ask(base, provider, "run dies", stream=True)))


for name in ("openai", "anthropic", "gemini", "ollama_chat"):
    each(name)


@p.case("openai two choices")
def _(base):
    answer = ask(base, "openai", "run two", n=2)
    same([c.message.content for c in answer.choices], [words.PLAIN, p.masked(words.MASKED)])


p.main()
