#!/usr/bin/env python3
"""A made-up provider that speaks every dialect, for the tests of the official SDKs.

    tests/sdk/mock_upstream.py [PORT]      port 0 or none: a free one; the first line printed is the port

What it answers is chosen by the words `run NAME` in the request: see SCENARIOS in mock_dialects.py. It has no dependency and
writes each event by itself, so that a match is cut across events and packets.
"""

import asyncio
import gzip
import json
import re
import sys

import mock_dialects as dialects

REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}


class Request:
    """One request, its body read."""

    def __init__(self, method, target, headers, raw):
        self.method = method
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        try:
            self.body = json.loads(raw) if raw else {}
        except ValueError:
            self.body = {}
        names = re.findall(r"\brun (\w+)", raw.decode("utf-8", "replace"))
        self.scenario = names[-1] if names else "plain"


async def read_request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    headers = {}
    for line in filter(None, lines[1:]):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if "chunked" in headers.get("transfer-encoding", ""):
        raw = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            raw += await reader.readexactly(size)
            await reader.readline()
        while (await reader.readline()).strip():
            pass
    else:
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
    if headers.get("content-encoding") == "gzip":
        raw = gzip.decompress(raw)
    return Request(method, target, headers, raw)


def head(status, content_type, *more):
    lines = [f"HTTP/1.1 {status} {REASONS[status]}", f"content-type: {content_type}", "x-request-id: req-of-the-provider", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def answer(request, writer):
    """Writes the answer; False when the connection must not be used again."""
    reply = dialects.answer(request)
    if reply.events is None:
        body = json.dumps(reply.body).encode()
        coding = []
        if reply.status == 200 and "gzip" in request.headers.get("accept-encoding", ""):
            body = gzip.compress(body)
            coding = ["content-encoding: gzip"]
        writer.write(head(reply.status, "application/json", f"content-length: {len(body)}", *coding))
        # A provider that dies has promised more than it sends.
        writer.write(body[: len(body) // 2] if reply.dies else body)
        await writer.drain()
        return not reply.dies
    writer.write(head(200, reply.content_type, "transfer-encoding: chunked", "cache-control: no-cache"))
    await writer.drain()
    for event in reply.events:
        data = event.encode()
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await writer.drain()
        await asyncio.sleep(0)
    if reply.dies:
        return False
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


async def serve(reader, writer):
    try:
        while True:
            request = await read_request(reader)
            if not await answer(request, writer):
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = await asyncio.start_server(serve, "127.0.0.1", port, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
