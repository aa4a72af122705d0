"""LlamaIndex's OpenAI model: complete, chat, streams, tools."""

import importlib.metadata

import openai
from checks import MODEL, Program, same, words
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI

p = Program("python llama-index-llms-openai " + importlib.metadata.version("llama-index-llms-openai"))
BAD = f"run plain and explain the {words.PHRASE}"


def model(base, **more):
    # It asks for the context size of models that it knows: a name of its list, which the made-up provider ignores.
    return OpenAI(model="gpt-4o-mini", api_base=base + "/v1", api_key="sk-test", max_retries=0, timeout=30, reuse_client=False, **more)


def say(text):
    return [ChatMessage(role="user", content=text)]


def join(chunks):
    text, last = "", None
    for last in chunks:
        text += last.delta or ""
        p.quiet(repr(last))
    return text, last


@p.case("plain")
def _(base):
    same(model(base).chat(say("run plain")).message.content, words.PLAIN)
    same(model(base).complete("run plain").text, words.PLAIN)


@p.case("streamed")
def _(base):
    same(join(model(base).stream_chat(say("run plain")))[0], words.PLAIN)
    same(join(model(base).stream_complete("run plain"))[0], words.PLAIN)


@p.case("streamed, async")
async def _(base):
    seen = ""
    async for chunk in await model(base).astream_chat(say("run masked")):
        seen += chunk.delta or ""
    same(seen, p.masked(words.MASKED))


@p.case("tools")
def _(base):
    def send_mail(to: str, subject: str, urgent: bool) -> str:
        """Sends a mail."""
        return "sent"

    llm = model(base)
    tools = [FunctionTool.from_defaults(fn=send_mail)]
    answer = llm.chat_with_tools(tools, user_msg="run tools")
    p.arguments(llm.get_tool_calls_from_response(answer)[0].tool_kwargs)
    _, last = join(llm.stream_chat_with_tools(tools, user_msg="run tools"))
    p.arguments(llm.get_tool_calls_from_response(last)[0].tool_kwargs)


@p.case("masked")
def _(base):
    same(model(base).chat(say("run masked")).message.content, p.masked(words.MASKED))
    same(join(model(base).stream_chat(say("run masked")))[0], p.masked(words.MASKED))
    p.echo(model(base).chat(say("run echo my address is " + words.MAIL)).message.content)


@p.case("blocked before", gateway=True)
def _(base):
    def filtered(error):
        same(error.code, "content_filter")
    p.raises(openai.BadRequestError, lambda: model(base).chat(say(BAD)), filtered)
    p.raises(openai.BadRequestError, lambda: join(model(base).stream_chat(say(BAD))), filtered)


@p.case("blocked in mid-stream", gateway=True)
def _(base):
    text, last = join(model(base).stream_chat(say("run cut")))
    p.cut(text)
    same(last.raw.choices[0].finish_reason, "content_filter")


@p.case("upstream errors")
def _(base):
    p.raises(openai.RateLimitError, lambda: model(base).chat(say("run e429")))
    p.raises(openai.InternalServerError, lambda: model(base).chat(say("run e500")))
    p.raises(openai.APIError, lambda: join(model(base).stream_chat(say("run late"))))


@p.case("upstream dies in mid-stream", gateway=True)
def _(base):
    p.raises(openai.APIError, lambda: join(model(base).stream_chat(say("run dies"))))


p.main()
