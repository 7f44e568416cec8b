"""Lines say which request they belong to."""

import asyncio
import errno
import io
import json
import logging
import os
import threading
from types import SimpleNamespace

import pytest

from mlmagic.scoring.http.request import Request
from mlmagic.scoring.logs import RequestLines, answering, log_format


@pytest.fixture
def stream():
    answering(None)
    inner = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    made = RequestLines(inner, "stdout", "text")
    made.text = lambda: inner.buffer.getvalue().decode()
    yield made
    answering(None)


def request(identity: str) -> Request:
    made = Request(b"POST", b"/score", {})
    made.identity = identity.encode()
    return made


def test_lines_are_marked_while_a_request_is_answered(stream):
    print("before", file=stream)
    answering(request("r-1"))
    print("one", "two", file=stream)
    print("a\nb", end="", file=stream)
    assert stream.text() == "before\n[r-1] one two\n[r-1] a\n"
    answering(None)
    print("!", file=stream)
    assert stream.text().endswith("b!\n")


def test_json(stream):
    stream._form = "json"
    answering(request("r-1"))
    print('say "é"', file=stream)
    record = json.loads(stream.text())
    assert record.pop("time").endswith("Z")
    assert record == {"stream": "stdout", "request_id": "r-1", "message": 'say "é"'}


def test_a_logger_writes_through_it(stream):
    handler = logging.StreamHandler(stream)
    answering(request("r-2"))
    handler.emit(logging.makeLogRecord({"msg": "logged"}))
    assert stream.text() == "[r-2] logged\n"


def test_threads_and_tasks_do_not_mix(stream):
    def thread(name):
        answering(request(name))
        for _ in range(50):
            stream.write("x")
            stream.write(f"{name}\n")

    threads = [threading.Thread(target=thread, args=(f"t{n}",)) for n in range(4)]
    for each in threads:
        each.start()

    async def task(name):
        answering(request(name))
        await asyncio.sleep(0)
        print(name, file=stream)

    async def tasks():
        await asyncio.gather(*(asyncio.create_task(task(f"a{n}")) for n in range(3)))

    asyncio.run(tasks())
    for each in threads:
        each.join()
    lines = stream.text().splitlines()
    assert len(lines) == 203
    assert {line for line in lines} == {f"[t{n}] xt{n}" for n in range(4)} | {
        f"[a{n}] a{n}" for n in range(3)
    }


def test_lines_that_cannot_be_written_are_counted_and_do_not_raise(stream, monkeypatch):
    def full(text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(stream, "_inner", SimpleNamespace(write=full, flush=lambda: full("")))
        print("one\ntwo", file=stream, flush=True)
    print("three", file=stream)
    assert stream.text() == "mlmagic: 2 lines of this log were lost: No space left on device\nthree\n"


def test_a_line_without_end_is_written_in_pieces(stream):
    stream.write("x" * (RequestLines.LONGEST + 1))
    assert len(stream.text()) == RequestLines.LONGEST + 2


def test_only_text(stream):
    with pytest.raises(TypeError, match="must be str"):
        stream.write(b"x")


@pytest.mark.parametrize(
    ("said", "form"), [(None, "text"), ("json", "json"), (" JSON ", "json"), ("x", "text")]
)
def test_format(said, form):
    assert log_format({} if said is None else {"MLMAGIC_LOG_FORMAT": said}) == form
