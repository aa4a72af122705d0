"""langchain-openai: a chat model whole, streamed, with tools, and embeddings."""

import importlib.metadata

import openai
from checks import MODEL, Program, same, words
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

p = Program("python langchain-openai " + importlib.metadata.version("langchain-openai"))
BAD = f"run plain and explain the {words.PHRASE}"


def model(base, **more):
    return ChatOpenAI(model=MODEL, base_url=base + "/v1", api_key="sk-test", max_retries=0, timeout=30, **more)


@tool
def send_mail(to: str, subject: str, urgent: bool) -> str:
    """Sends a mail."""
    return "sent"


def join(chunks):
    whole = None
    for chunk in chunks:
        whole = chunk if whole is None else whole + chunk
    p.quiet(repr(whole))
    return whole


@p.case("plain")
def _(base):
    answer = model(base).invoke([SystemMessage("Be brief."), HumanMessage("run plain")])
    same((answer.content, answer.response_metadata["finish_reason"]), (words.PLAIN, "stop"))


@p.case("streamed")
def _(base):
    same(join(model(base).stream("run plain")).content, words.PLAIN)


@p.case("streamed, async")
async def _(base):
    seen = [chunk.content async for chunk in model(base).astream("run masked")]
    same("".join(seen), p.masked(words.MASKED))


@p.case("tools")
def _(base):
    bound = model(base).bind_tools([send_mail])
    p.arguments(bound.invoke("run tools").tool_calls[0]["args"])
    p.arguments(join(bound.stream("run tools")).tool_calls[0]["args"])


@p.case("two choices")
def _(base):
    answers = model(base, n=2).generate([[HumanMessage("run two")]]).generations[0]
    same([a.text for a in answers], [words.PLAIN, p.masked(words.MASKED)])


@p.case("masked")
def _(base):
    same(model(base).invoke("run masked").content, p.masked(words.MASKED))
    same(join(model(base).stream("run masked")).content, p.masked(words.MASKED))
    p.echo(model(base).invoke("run echo my address is " + words.MAIL).content)


@p.case("masked by the responses API")
def _(base):
    m = model(base, use_responses_api=True)
    same(m.invoke("run masked").text, p.masked(words.MASKED))
    same(join(m.stream("run masked")).text, p.masked(words.MASKED))


@p.case("blocked before", gateway=True)
def _(base):
    def filtered(error):
        same(error.code, "content_filter")
    p.raises(openai.BadRequestError, lambda: model(base).invoke(BAD), filtered)
    p.raises(openai.BadRequestError, lambda: join(model(base).stream(BAD)), filtered)


@p.case("blocked before, as a refusal", refusal=True)
def _(base):
    same(model(base).invoke(BAD).response_metadata["finish_reason"], "content_filter")


@p.case("blocked in mid-stream", gateway=True)
def _(base):
    whole = join(model(base).stream("run cut"))
    p.cut(whole.content)
    same(whole.response_metadata["finish_reason"], "content_filter")


@p.case("upstream errors")
def _(base):
    p.raises(openai.RateLimitError, lambda: model(base).invoke("run e429"))
    p.raises(openai.InternalServerError, lambda: model(base).invoke("run e500"))
    p.raises(openai.APIError, lambda: join(model(base).stream("run late")))


@p.case("upstream dies in mid-stream", gateway=True)
def _(base):
    p.raises(openai.APIError, lambda: join(model(base).stream("run dies")))


@p.case("embeddings")
def _(base):
    e = OpenAIEmbeddings(model=MODEL, base_url=base + "/v1", api_key="sk-test", check_embedding_ctx_length=False, max_retries=0)
    same(e.embed_query("run plain"), [0.25, -0.5, 1.0])


p.main()
