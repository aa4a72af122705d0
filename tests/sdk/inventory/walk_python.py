"""Lists every field of the Python SDKs' own types that can stand on the wire.

Prints tab-separated lines `dialect operation kind path type`. A path is written from the root of the body: `.name` a member,
`[]` an element, `.*` any member of a map, `.**` everything below (the type holds itself, or is free JSON).
Types: `string`, `enum` (a closed list of words), `base64` (bytes in a string), `any` (free JSON), `scalar` (number, boolean, null).
"""

import collections.abc
import datetime
import enum
import inspect
import os
import sys
import types
import typing

import pydantic
import typing_extensions

UNIONS = (typing.Union, types.UnionType)
ARRAYS = (list, set, frozenset, tuple, collections.abc.Iterable, collections.abc.Sequence, collections.abc.Collection)
MAPS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


class Inventory:
    """The fields found so far: a path and the kinds of value that it can hold."""

    def __init__(self):
        self.fields = {}
        self.strange = set()

    def add(self, path, kind):
        self.fields.setdefault(path, set()).add(kind)

    def walk(self, kind, path, stack, owner=None):
        kind = resolve(kind, owner)
        origin = typing_extensions.get_origin(kind)
        if kind is None or kind is type(None):
            return
        if origin is typing.Annotated:
            return self.walk(typing_extensions.get_args(kind)[0], path, stack, owner)
        if origin in (typing_extensions.Required, typing_extensions.NotRequired, typing_extensions.ReadOnly, typing.Final):
            return self.walk(typing_extensions.get_args(kind)[0], path, stack, owner)
        if origin in UNIONS:
            for arm in typing_extensions.get_args(kind):
                self.walk(arm, path, stack, owner)
            return
        if origin in (typing.Literal, typing_extensions.Literal):
            for value in typing_extensions.get_args(kind):
                self.add(path, "enum" if isinstance(value, (str, enum.Enum)) else "scalar")
            return
        if isinstance(kind, typing.TypeVar):
            return self.walk(kind.__bound__ or typing.Any, path, stack, owner)
        if kind in (typing.Any, object, pydantic.BaseModel) or kind is typing_extensions.Any:
            return self.add(path, "any")
        if kind is str or kind is pydantic.SecretStr:
            return self.add(path, "string")
        if kind in (datetime.datetime, datetime.date, datetime.timedelta):
            return self.add(path, "string")
        if kind in (int, float, bool, pydantic.ByteSize):
            return self.add(path, "scalar")
        if kind in (bytes, bytearray, typing.IO, os.PathLike) or origin in (os.PathLike, typing.IO):
            return self.add(path, "base64")
        if origin in MAPS or kind in MAPS:
            args = typing_extensions.get_args(kind)
            if args:
                return self.walk(args[1], path + ".*", stack, owner)
            return self.add(path, "any")
        if is_array(kind, origin):
            args = typing_extensions.get_args(kind)
            if not args:
                return self.add(path + "[]", "any")
            for arm in args:
                if arm is not Ellipsis:
                    self.walk(arm, path + "[]", stack, owner)
            return
        if callable(origin) and origin is collections.abc.Callable:
            return
        if inspect.isclass(kind) and issubclass(kind, enum.Enum):
            return self.add(path, "enum")
        if typing_extensions.is_typeddict(kind):
            return self.members(kind, typed_members(kind), path, stack)
        if inspect.isclass(kind) and issubclass(kind, pydantic.BaseModel):
            if kind.__module__.startswith("ollama") and kind.__name__ == "Image":
                return self.add(path, "base64")
            return self.members(kind, model_members(kind), path, stack)
        if origin is not None and inspect.isclass(origin) and issubclass(origin, pydantic.BaseModel):
            return self.members(origin, model_members(origin), path, stack)
        if getattr(kind, "__module__", "") in ("PIL.Image", "mcp.types", "mcp.client.session", "mcp"):
            return
        self.strange.add(f"{path}: {kind!r}")

    def members(self, owner, members, path, stack):
        if owner in stack:
            return self.add(path + ".**", "any")
        for name, kind in members:
            self.walk(kind, f"{path}.{name}" if path else name, stack + (owner,), owner)


def is_array(kind, origin):
    for array in ARRAYS:
        if origin is array or kind is array:
            return True
    return getattr(origin or kind, "__name__", "") in ("SequenceNotStr", "_SequenceNotStr")


def resolve(kind, owner):
    if isinstance(kind, typing_extensions.TypeAliasType) or type(kind).__name__ == "TypeAliasType":
        return resolve(kind.__value__, owner)
    if isinstance(kind, (str, typing.ForwardRef)):
        name = kind if isinstance(kind, str) else kind.__forward_arg__
        module = sys.modules[owner.__module__]
        return eval(name, vars(typing) | vars(module))
    return kind


def typed_members(kind):
    # A base may come from another module: names are looked up where each class was written.
    hints = {}
    for base in reversed(getattr(kind, "__orig_bases__", ())):
        if typing_extensions.is_typeddict(base):
            hints |= dict(typed_members(base))
    own = typing_extensions.get_type_hints(kind, include_extras=True)
    for name, hint in own.items():
        for extra in getattr(hint, "__metadata__", ()):
            name = getattr(extra, "alias", None) or name
        hints[name] = hint
    return list(hints.items())


def model_members(kind):
    for name, field in kind.model_fields.items():
        yield field.serialization_alias or field.alias or name, field.annotation


def openai():
    from openai.types import completion_create_params, embedding_create_params, moderation_create_params
    from openai.types import Completion, CreateEmbeddingResponse, Model, ModerationCreateResponse
    from openai.types.chat import ChatCompletion, ChatCompletionChunk, completion_create_params as chat
    from openai.types.responses import Response, ResponseStreamEvent, response_create_params

    yield "chat.completions", "request", chat.CompletionCreateParams, chat.CompletionCreateParamsBase
    yield "chat.completions", "answer", ChatCompletion, None
    yield "chat.completions", "event", ChatCompletionChunk, None
    yield "completions", "request", completion_create_params.CompletionCreateParams, None
    yield "completions", "answer", Completion, None
    yield "completions", "event", Completion, None
    yield "responses", "request", response_create_params.ResponseCreateParams, None
    yield "responses", "answer", Response, None
    yield "responses", "event", ResponseStreamEvent, None
    yield "embeddings", "request", embedding_create_params.EmbeddingCreateParams, None
    yield "embeddings", "answer", CreateEmbeddingResponse, None
    yield "moderations", "request", moderation_create_params.ModerationCreateParams, None
    yield "moderations", "answer", ModerationCreateResponse, None
    yield "models", "answer", Page, None
    yield "models", "answer", Model, None


def anthropic():
    from anthropic.types import Message, MessageTokensCount, ModelInfo, RawMessageStreamEvent
    from anthropic.types import message_count_tokens_params, message_create_params
    from anthropic.types.beta import BetaMessage, BetaMessageTokensCount, BetaRawMessageStreamEvent
    from anthropic.types.beta import message_count_tokens_params as beta_count, message_create_params as beta_create

    for create in (message_create_params, beta_create):
        yield "messages", "request", create.MessageCreateParams, None
    for answer in (Message, BetaMessage):
        yield "messages", "answer", answer, None
    for event in (RawMessageStreamEvent, BetaRawMessageStreamEvent):
        yield "messages", "event", event, None
    for count in (message_count_tokens_params.MessageCountTokensParams, beta_count.MessageCountTokensParams):
        yield "count_tokens", "request", count, None
    for count in (MessageTokensCount, BetaMessageTokensCount):
        yield "count_tokens", "answer", count, None
    yield "models", "answer", ModelInfo, None


# `client.messages.create` also takes what goes into headers or the query.
NOT_IN_BODY = {"anthropic": {"betas"}, "gemini": {"sdkHttpResponse", "httpOptions", "abortSignal"}}


class Page(pydantic.BaseModel):
    """A listing."""

    data: list[dict[str, str]]
    object: typing.Literal["list"]


def gemini():
    from google.genai import types as g

    content = g.Content
    config = g.GenerateContentConfig.model_fields
    # What `_GenerateContentConfig_to_mldev` lifts out of the configuration into the body itself.
    lifted = {
        "systemInstruction": content,
        "safetySettings": list[g.SafetySetting],
        "tools": list[g.Tool],
        "toolConfig": g.ToolConfig,
        "labels": config["labels"].annotation,
        "cachedContent": config["cached_content"].annotation,
        "serviceTier": config["service_tier"].annotation,
        "continuationToken": config["continuation_token"].annotation,
        "store": config["store"].annotation,
    }
    local = {"http_options", "should_return_http_response", "automatic_function_calling", "system_instruction", "safety_settings",
             "tools", "tool_config", "labels", "cached_content", "service_tier", "continuation_token", "store",
             "response_schema", "speech_config"}
    generation = {f.alias or n: f.annotation for n, f in config.items() if n not in local}
    generation |= {f.alias or n: f.annotation for n, f in g.GenerationConfig.model_fields.items()}
    generation |= {"responseSchema": g.Schema, "speechConfig": g.SpeechConfig}
    GenerationConfig = typing_extensions.TypedDict("GenerationConfig", generation)
    body = {"contents": list[content], "generationConfig": GenerationConfig, "model": str} | lifted
    Generate = typing_extensions.TypedDict("Generate", body)
    Count = typing_extensions.TypedDict("Count", {"contents": list[content], "generateContentRequest": Generate})
    embed = {
        "model": str,
        "content": content,
        "taskType": str,
        "title": str,
        "outputDimensionality": int,
    }
    embed |= {f.alias or n: f.annotation for n, f in g.EmbedContentConfig.model_fields.items() if n != "http_options"}
    Embed = typing_extensions.TypedDict("Embed", embed)
    Batch = typing_extensions.TypedDict("Batch", {"requests": list[Embed]})
    One = typing_extensions.TypedDict("One", {"embedding": g.ContentEmbedding})

    yield "generateContent", "request", Generate, None
    yield "generateContent", "answer", g.GenerateContentResponse, None
    yield "streamGenerateContent", "request", Generate, None
    yield "streamGenerateContent", "event", g.GenerateContentResponse, None
    yield "countTokens", "request", Count, None
    yield "countTokens", "answer", g.CountTokensResponse, None
    yield "embedContent", "request", Embed, None
    yield "embedContent", "answer", One, None
    yield "batchEmbedContents", "request", Batch, None
    yield "batchEmbedContents", "answer", g.EmbedContentResponse, None
    yield "models", "answer", g.ListModelsResponse, None
    yield "models", "answer", g.Model, None


def ollama():
    from ollama import _types as o

    yield "chat", "request", o.ChatRequest, None
    yield "chat", "answer", o.ChatResponse, None
    yield "chat", "event", o.ChatResponse, None
    yield "chat", "request", typing_extensions.TypedDict("M", {"messages": list[o.Message], "options": o.Options}), None
    yield "generate", "request", o.GenerateRequest, None
    yield "generate", "answer", o.GenerateResponse, None
    yield "generate", "event", o.GenerateResponse, None
    yield "embed", "request", o.EmbedRequest, None
    yield "embed", "answer", o.EmbedResponse, None
    yield "embeddings", "request", o.EmbeddingsRequest, None
    yield "embeddings", "answer", o.EmbeddingsResponse, None
    yield "tags", "answer", o.ListResponse, None


def main():
    strange = set()
    for dialect, roots in (("openai", openai), ("anthropic", anthropic), ("gemini", gemini), ("ollama", ollama)):
        found = {}
        for operation, kind, root, owner in roots():
            inventory = found.setdefault((operation, kind), Inventory())
            inventory.walk(root, "", (), owner)
            strange |= {f"{dialect} {operation} {kind} {s}" for s in inventory.strange}
        for (operation, kind), inventory in found.items():
            for path, kinds in inventory.fields.items():
                if path.split(".")[0].split("[")[0] in NOT_IN_BODY.get(dialect, ()):
                    continue
                for k in kinds:
                    print(dialect, operation, kind, path, k, sep="\t")
    for line in sorted(strange):
        print("cannot read:", line, file=sys.stderr)
    sys.exit(1 if strange else 0)


if __name__ == "__main__":
    main()
