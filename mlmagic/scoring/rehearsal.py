"""A rehearsal: init() and one call of run() without a server. One JSON line on stdout is the result."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from time import perf_counter
from typing import Any

import orjson

from mlmagic.scoring.environment import ScriptEnvironment
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import chunk_bytes
from mlmagic.scoring.outputs.http_result import http_result
from mlmagic.scoring.outputs.json_encoder import JSON, encode
from mlmagic.scoring.script import RunFailed, ScriptFailed
from mlmagic.scoring.server import complain, load
from mlmagic.scoring.start_errors import StartFailed

EXIT_OK, EXIT_FAILED = 0, 1


def rehearse(environment: ScriptEnvironment) -> int:
    """Load the script, call init() and run() with the body from standard input; the exit code."""
    # Output of the script, and of its libraries in C, goes to stderr: stdout has the one line.
    sys.stdout.flush()
    result_file = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        line, code = _perform(environment), EXIT_OK
    except ScriptFailed as error:
        complain(error)
        line, code = json.dumps({"ok": False, "error": error.record()}), EXIT_FAILED
    except StartFailed as error:
        print(f"mlmagic: {error}", file=sys.stderr)
        line, code = json.dumps({"ok": False, "error": error.record()}), EXIT_FAILED
    sys.stdout.flush()
    with result_file:
        result_file.write(line.encode() + b"\n")
    return code


def _perform(environment: ScriptEnvironment) -> str:
    body = sys.stdin.buffer.read()
    loop = asyncio.new_event_loop()
    try:
        start = perf_counter()
        script = load(environment, loop)
        ready = perf_counter()
        try:
            request = Request(b"POST", b"/score", {b"content-type": b"application/json"}, body)
            result: Any = script.call(request)
            if inspect.iscoroutine(result):
                result = loop.run_until_complete(result)
            done = perf_counter()
            answer = _encoded(result, request)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise RunFailed(error) from error
    finally:
        loop.close()
    times = {"init_ms": round((ready - start) * 1000, 3), "run_ms": round((done - ready) * 1000, 3)}
    return orjson.dumps({"ok": True, "answer": orjson.Fragment(answer), **times}).decode()


def _encoded(result: object, request: Request) -> bytes:
    """As JSON; of a response that the script has made itself, the body."""
    if (found := http_result(result, request)) is None:
        return encode(result)
    response, chunks = found
    body = response.body if chunks is None else b"".join(map(chunk_bytes, chunks))
    return body if response.content_type == JSON else encode(body.decode("utf-8", "replace"))
