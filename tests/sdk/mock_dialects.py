"""What the made-up provider says, in each dialect."""

import base64
import dataclasses
import json
import struct

import words

MODEL = "mill-1"
PIECE = 7


@dataclasses.dataclass
class Choice:
    """One of the provider's answers: reasoning, text, a tool call."""

    text: str = ""
    thought: str = ""
    tool: bool = False


@dataclasses.dataclass
class Reply:
    """An HTTP answer: a whole body, or events."""

    status: int = 200
    body: object = None
    events: list = None
    content_type: str = "application/json"
    dies: bool = False


SCENARIOS = {
    "plain": [Choice(words.PLAIN)],
    "masked": [Choice(words.MASKED)],
    "cut": [Choice(words.CUT)],
    "tools": [Choice(tool=True)],
    "both": [Choice(words.MASKED, tool=True)],
    "think": [Choice(words.PLAIN, thought=words.THOUGHT)],
    "two": [Choice(words.PLAIN), Choice(words.MASKED)],
    "late": [Choice(words.CLEAN)],
    "dies": [Choice(words.CLEAN)],
}
ERRORS = {"e429": (429, words.ERROR_429), "e500": (500, words.ERROR_500)}


def answer(request):
    parts = [p for p in request.path.split("/") if p]
    if parts[:1] == ["api"] and len(parts) == 2:
        return ollama(request, parts[1])
    if len(parts) == 3 and parts[0] in ("v1", "v1beta", "v1alpha") and parts[1] == "models" and ":" in parts[2]:
        return gemini(request, parts[-1].split(":")[1])
    for path, speak in OPENAI_PATHS.items():
        if request.path.rstrip("/").endswith(path):
            return speak(request)
    return Reply(404, {"error": {"message": "no such path", "type": "invalid_request_error", "param": None, "code": None}})


def choices(request, text):
    if request.scenario == "echo":
        # The at sign goes, so that what the gateway masked in the prompt can be told from what it masks in the answer.
        return [Choice(words.ECHO + text.replace("@", " AT "))]
    return SCENARIOS.get(request.scenario, SCENARIOS["plain"])


def pieces(text):
    return [text[i : i + PIECE] for i in range(0, len(text), PIECE)]


def arguments():
    return json.dumps(words.ARGUMENTS)


def sse(data, event=None):
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {data if isinstance(data, str) else json.dumps(data)}\n\n"


def last_text(messages):
    """The last message's text, as the chat dialects write it."""
    if not messages:
        return ""
    content = messages[-1].get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(p.get("text", "") for p in content if isinstance(p, dict))


# --- OpenAI


def openai_error(status, message):
    kind = "rate_limit_error" if status == 429 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": kind}}


def fault(request, render):
    if request.scenario in ERRORS:
        status, message = ERRORS[request.scenario]
        return Reply(status, render(status, message))
    return None


USAGE = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}


def chat(request):
    if bad := fault(request, openai_error):
        return bad
    said = choices(request, last_text(request.body.get("messages")))
    if request.body.get("stream"):
        return chat_stream(request, said)
    out = []
    for index, choice in enumerate(said):
        message = {"role": "assistant", "content": choice.text or None, "refusal": None}
        if choice.thought:
            message["reasoning_content"] = choice.thought
        if choice.tool:
            call = {"name": words.TOOL, "arguments": arguments()}
            message["tool_calls"] = [{"id": "call_1", "type": "function", "function": call}]
        finish = "tool_calls" if choice.tool else "stop"
        out.append({"index": index, "message": message, "logprobs": None, "finish_reason": finish})
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1763900000, "model": MODEL, "choices": out, "usage": USAGE}
    return Reply(body=body, dies=request.scenario == "dies")


def chat_stream(request, said):
    def chunk(index, delta, finish=None):
        one = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1763900000, "model": MODEL, "choices": [one]}

    lanes = []
    for index, choice in enumerate(said):
        lane = [chunk(index, {"role": "assistant", "content": ""})]
        lane += [chunk(index, {"reasoning_content": p}) for p in pieces(choice.thought)]
        lane += [chunk(index, {"content": p}) for p in pieces(choice.text)]
        if choice.tool:
            first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": words.TOOL, "arguments": ""}}
            lane.append(chunk(index, {"tool_calls": [first]}))
            for p in pieces(arguments()):
                lane.append(chunk(index, {"tool_calls": [{"index": 0, "function": {"arguments": p}}]}))
        lane.append(chunk(index, {}, "tool_calls" if choice.tool else "stop"))
        lanes.append(lane)
    # The choices come interleaved.
    events = [sse(lane[i]) for i in range(max(map(len, lanes))) for lane in lanes if i < len(lane)]
    if (request.body.get("stream_options") or {}).get("include_usage"):
        events.append(sse({**chunk(0, {}), "choices": [], "usage": USAGE}))
    return ended(request, events, [sse("[DONE]")], sse(openai_error(500, words.ERROR_LATE)))


def ended(request, events, closing, error, drop=1):
    """The stream's end: as it should be, with an error after 200, or torn."""
    if request.scenario == "late":
        return Reply(events=events[:-drop] + [error], content_type="text/event-stream")
    if request.scenario == "dies":
        return Reply(events=events[:-drop], content_type="text/event-stream", dies=True)
    return Reply(events=events + closing, content_type="text/event-stream")


def completions(request):
    if bad := fault(request, openai_error):
        return bad
    prompt = request.body.get("prompt") or ""
    said = choices(request, prompt if isinstance(prompt, str) else " ".join(map(str, prompt)))

    def body(index, text, finish):
        one = {"index": index, "text": text, "logprobs": None, "finish_reason": finish}
        return {"id": "cmpl-1", "object": "text_completion", "created": 1763900000, "model": MODEL, "choices": [one]}

    if not request.body.get("stream"):
        whole = [body(i, c.text, "stop")["choices"][0] for i, c in enumerate(said)]
        return Reply(body={**body(0, "", "stop"), "choices": whole, "usage": USAGE}, dies=request.scenario == "dies")
    events = [sse(body(i, p, None)) for i, c in enumerate(said) for p in pieces(c.text)]
    events += [sse(body(i, "", "stop")) for i, _ in enumerate(said)]
    return ended(request, events, [sse("[DONE]")], sse(openai_error(500, words.ERROR_LATE)))


def embeddings(request):
    if bad := fault(request, openai_error):
        return bad
    given = request.body.get("input")
    count = len(given) if isinstance(given, list) and given and isinstance(given[0], (str, list)) else 1
    vector = [0.25, -0.5, 1.0]
    if request.body.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack("<3f", *vector)).decode()
    data = [{"object": "embedding", "index": i, "embedding": vector} for i in range(count)]
    return Reply(body={"object": "list", "data": data, "model": MODEL, "usage": {"prompt_tokens": 3, "total_tokens": 3}})


def models(request):
    if "anthropic-version" in request.headers:
        one = {"type": "model", "id": MODEL, "display_name": "Mill One", "created_at": "2026-01-01T00:00:00Z"}
        return Reply(body={"data": [one], "has_more": False, "first_id": MODEL, "last_id": MODEL})
    one = {"id": MODEL, "object": "model", "created": 1763900000, "owned_by": "mill"}
    return Reply(body={"object": "list", "data": [one]})


def responses(request):
    if bad := fault(request, openai_error):
        return bad
    given = request.body.get("input") or ""
    said = choices(request, given if isinstance(given, str) else last_text(given))[0]
    items = []
    if said.thought:
        summary = [{"type": "summary_text", "text": said.thought}]
        items.append({"id": "rs_1", "type": "reasoning", "summary": summary})
    if said.text:
        part = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        items.append({"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]})
    if said.tool:
        items.append({"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": words.TOOL,
                      "arguments": arguments()})
    details = {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 12,
               "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 21}
    body = {"id": "resp_1", "object": "response", "created_at": 1763900000, "status": "completed", "error": None,
            "incomplete_details": None, "instructions": None, "metadata": {}, "model": MODEL, "output": items,
            "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0, "usage": details}
    if not request.body.get("stream"):
        return Reply(body=body, dies=request.scenario == "dies")
    return responses_stream(request, body, items)


def responses_stream(request, body, items):
    events = []

    def say(kind, **fields):
        events.append(sse({"type": kind, **fields, "sequence_number": len(events)}, kind))

    begun = {**body, "status": "in_progress", "output": [], "usage": None}
    say("response.created", response=begun)
    say("response.in_progress", response=begun)
    for at, item in enumerate(items):
        where = {"item_id": item["id"], "output_index": at}
        if item["type"] == "message":
            text = item["content"][0]["text"]
            say("response.output_item.added", output_index=at, item={**item, "status": "in_progress", "content": []})
            empty = {**item["content"][0], "text": ""}
            say("response.content_part.added", **where, content_index=0, part=empty)
            for piece in pieces(text):
                say("response.output_text.delta", **where, content_index=0, delta=piece, logprobs=[])
            if request.scenario not in ("late", "dies"):
                say("response.output_text.done", **where, content_index=0, text=text, logprobs=[])
                say("response.content_part.done", **where, content_index=0, part=item["content"][0])
        elif item["type"] == "reasoning":
            text = item["summary"][0]["text"]
            say("response.output_item.added", output_index=at, item={**item, "summary": []})
            say("response.reasoning_summary_part.added", **where, summary_index=0, part={"type": "summary_text", "text": ""})
            for piece in pieces(text):
                say("response.reasoning_summary_text.delta", **where, summary_index=0, delta=piece)
            say("response.reasoning_summary_text.done", **where, summary_index=0, text=text)
            say("response.reasoning_summary_part.done", **where, summary_index=0, part=item["summary"][0])
        else:
            say("response.output_item.added", output_index=at, item={**item, "status": "in_progress", "arguments": ""})
            for piece in pieces(item["arguments"]):
                say("response.function_call_arguments.delta", **where, delta=piece)
            say("response.function_call_arguments.done", **where, arguments=item["arguments"], name=item["name"])
        if request.scenario not in ("late", "dies"):
            say("response.output_item.done", output_index=at, item=item)
    if request.scenario in ("late", "dies"):
        failure = {"type": "error", "code": "server_error", "message": words.ERROR_LATE, "param": None, "sequence_number": len(events)}
        return ended(request, events, [], sse(failure, "error"), drop=1)
    say("response.completed", response=body)
    return Reply(events=events, content_type="text/event-stream")


# --- Anthropic


def anthropic_error(status, message):
    kind = "rate_limit_error" if status == 429 else "api_error"
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def messages(request):
    if bad := fault(request, anthropic_error):
        return bad
    said = choices(request, last_text(request.body.get("messages")))[0]
    blocks = []
    if said.thought:
        blocks.append({"type": "thinking", "thinking": said.thought, "signature": "c2lnbmF0dXJl"})
    if said.text:
        blocks.append({"type": "text", "text": said.text})
    if said.tool:
        blocks.append({"type": "tool_use", "id": "toolu_1", "name": words.TOOL, "input": words.ARGUMENTS, "caller": {"type": "direct"}})
    usage = {"input_tokens": 9, "output_tokens": 12, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    body = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": blocks,
            "stop_reason": "tool_use" if said.tool else "end_turn", "stop_sequence": None, "usage": usage}
    if not request.body.get("stream"):
        return Reply(body=body, dies=request.scenario == "dies")
    events = []

    def say(kind, **fields):
        events.append(sse({"type": kind, **fields}, kind))

    say("message_start", message={**body, "content": [], "stop_reason": None})
    for at, block in enumerate(blocks):
        if block["type"] == "text":
            say("content_block_start", index=at, content_block={"type": "text", "text": ""})
            say("ping")
            for piece in pieces(block["text"]):
                say("content_block_delta", index=at, delta={"type": "text_delta", "text": piece})
        elif block["type"] == "thinking":
            say("content_block_start", index=at, content_block={"type": "thinking", "thinking": "", "signature": ""})
            for piece in pieces(block["thinking"]):
                say("content_block_delta", index=at, delta={"type": "thinking_delta", "thinking": piece})
            say("content_block_delta", index=at, delta={"type": "signature_delta", "signature": block["signature"]})
        else:
            say("content_block_start", index=at, content_block={**block, "input": {}})
            for piece in pieces(arguments()):
                say("content_block_delta", index=at, delta={"type": "input_json_delta", "partial_json": piece})
        if request.scenario not in ("late", "dies"):
            say("content_block_stop", index=at)
    if request.scenario in ("late", "dies"):
        return ended(request, events, [], sse(anthropic_error(500, words.ERROR_LATE), "error"))
    say("message_delta", delta={"stop_reason": body["stop_reason"], "stop_sequence": None}, usage=usage)
    say("message_stop")
    return Reply(events=events, content_type="text/event-stream")


def count_tokens(request):
    return fault(request, anthropic_error) or Reply(body={"input_tokens": 9})


# --- Gemini


def gemini_error(status, message):
    word = "RESOURCE_EXHAUSTED" if status == 429 else "INTERNAL"
    return {"error": {"code": status, "message": message, "status": word}}


def gemini(request, verb):
    if bad := fault(request, gemini_error):
        return bad
    if verb == "countTokens":
        return Reply(body={"totalTokens": 9, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}]})
    if verb == "embedContent":
        return Reply(body={"embedding": {"values": [0.25, -0.5, 1.0]}})
    if verb == "batchEmbedContents":
        count = len(request.body.get("requests") or [])
        return Reply(body={"embeddings": [{"values": [0.25, -0.5, 1.0]}] * count})
    contents = request.body.get("contents") or []
    text = " ".join(p.get("text", "") for p in contents[-1].get("parts", [])) if contents else ""
    said = choices(request, text)
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 12, "totalTokenCount": 21}

    def body(parts_of, finish=None):
        out = []
        for index, parts in parts_of:
            one = {"content": {"role": "model", "parts": parts}, "index": index}
            if finish:
                one["finishReason"] = finish
            out.append(one)
        return {"candidates": out, "usageMetadata": usage, "modelVersion": MODEL, "responseId": "r1"}

    call = {"functionCall": {"name": words.TOOL, "args": words.ARGUMENTS}}

    def whole(choice):
        parts = [{"text": choice.thought, "thought": True}] if choice.thought else []
        parts += [{"text": choice.text}] if choice.text else []
        return parts + ([call] if choice.tool else [])

    if verb == "generateContent":
        return Reply(body=body([(i, whole(c)) for i, c in enumerate(said)], "STOP"), dies=request.scenario == "dies")
    steps = []
    for index, choice in enumerate(said):
        steps += [body([(index, [{"text": p, "thought": True}])]) for p in pieces(choice.thought)]
        steps += [body([(index, [{"text": p}])]) for p in pieces(choice.text)]
        steps += [body([(index, [call])])] if choice.tool else []
    steps.append(body([(i, [{"text": ""}]) for i, _ in enumerate(said)], "STOP"))
    error = gemini_error(500, words.ERROR_LATE)
    if "alt=sse" in request.query:
        return ended(request, [f"data: {json.dumps(s)}\r\n\r\n" for s in steps], [], f"data: {json.dumps(error)}\r\n\r\n")
    events = [("[" if i == 0 else ",\r\n") + json.dumps(s, indent=2) for i, s in enumerate(steps)]
    reply = ended(request, events, ["]"], ",\r\n" + json.dumps(error) + "]")
    reply.content_type = "application/json"
    return reply


# --- Ollama


def ollama(request, verb):
    if bad := fault(request, lambda _status, message: {"error": message}):
        return bad
    if verb == "tags":
        return Reply(body={"models": [{"name": MODEL, "model": MODEL, "size": 1, "digest": "0" * 64, "modified_at": "2026-01-01T00:00:00Z"}]})
    stamp = {"model": MODEL, "created_at": "2026-11-23T12:00:00.000000Z"}
    done = {"done": True, "done_reason": "stop", "total_duration": 10, "load_duration": 1, "prompt_eval_count": 9,
            "prompt_eval_duration": 2, "eval_count": 12, "eval_duration": 7}
    if verb == "embed":
        given = request.body.get("input")
        return Reply(body={"model": MODEL, "embeddings": [[0.25, -0.5, 1.0]] * (len(given) if isinstance(given, list) else 1)})
    if verb == "embeddings":
        return Reply(body={"embedding": [0.25, -0.5, 1.0]})
    if verb not in ("chat", "generate"):
        return Reply(404, {"error": "no such path"})
    is_chat = verb == "chat"
    text = last_text(request.body.get("messages")) if is_chat else request.body.get("prompt") or ""
    said = choices(request, text)[0]

    def body(**fields):
        if not is_chat:
            renamed = {"response": fields.pop("content", "")} | fields
            return stamp | renamed
        return stamp | {"message": {"role": "assistant", "content": fields.pop("content", ""), **fields}}

    call = {"tool_calls": [{"function": {"name": words.TOOL, "arguments": words.ARGUMENTS}}]} if said.tool and is_chat else {}
    thought = {"thinking": said.thought} if said.thought else {}
    if request.body.get("stream", True) is False:
        return Reply(body=body(content=said.text, **thought, **call) | done, dies=request.scenario == "dies")
    steps = [body(content="", thinking=p) | {"done": False} for p in pieces(said.thought)]
    steps += [body(content=p) | {"done": False} for p in pieces(said.text)]
    steps += [body(content="", **call) | {"done": False}] if call else []
    steps.append(body(content="") | done)
    reply = ended(request, [json.dumps(s) + "\n" for s in steps], [], json.dumps({"error": words.ERROR_LATE}) + "\n")
    reply.content_type = "application/x-ndjson"
    return reply


OPENAI_PATHS = {
    "/chat/completions": chat,
    "/completions": completions,
    "/responses": responses,
    "/embeddings": embeddings,
    "/models": models,
    "/messages/count_tokens": count_tokens,
    "/messages": messages,
}
