import asyncio
import json
import os
from pathlib import Path

import pytest

from mlmagic.core.traffic import read_recorded
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import Response
from mlmagic.scoring.recorder import BODY_BYTES, MOST, NEW, OLD, VARIABLE, InvalidCount, Recorder


@pytest.fixture
def loop():
    made = asyncio.new_event_loop()
    yield made
    made.close()


def post(body, method=b"POST"):
    return Request(method, b"/score", {b"authorization": b"Bearer secret"}, body)


def ask(recorder, *bodies, status=200, method=b"POST"):
    answers = []
    for body in bodies:
        recorder.listen(post(body, method), answers.append)(Response(status, b"1"))
    assert len(answers) == len(bodies)
    recorder.write()


def asked(folder: Path, last=100):
    files = [folder / name for name in (OLD, NEW)]
    return read_recorded([file.read_bytes() for file in files if file.exists()], last)


def test_bodies_and_answers_are_kept_and_nothing_of_the_head(tmp_path, loop):
    recorder = Recorder(tmp_path, 10, loop)
    ask(recorder, b'{"data": "caf\xc3\xa9"}')
    ask(recorder, b"[2]", status=500)
    assert [(row.body, row.status) for row in asked(tmp_path)] == [('{"data": "café"}', 200), ("[2]", 500)]
    assert b"secret" not in (tmp_path / NEW).read_bytes()


def test_it_is_written_by_itself_soon_after(tmp_path, loop):
    Recorder(tmp_path, 10, loop).listen(post(b"1"), lambda response: None)(Response(200, b""))

    async def until_written():
        while not (tmp_path / NEW).exists():
            await asyncio.sleep(0.01)

    loop.run_until_complete(asyncio.wait_for(until_written(), 20))
    assert [row.body for row in asked(tmp_path)] == ["1"]


def test_the_last_ones_are_always_there_and_no_more_than_twice_as_many(tmp_path, loop):
    recorder = Recorder(tmp_path, 3, loop)
    for number in range(20):
        ask(recorder, str(number).encode())
        kept = [int(row.body) for row in asked(tmp_path)]
        assert kept[-3:] == list(range(max(0, number - 2), number + 1))
        assert len(kept) <= 6


def test_what_an_earlier_server_has_recorded_counts(tmp_path, loop):
    for number in range(20):
        ask(Recorder(tmp_path, 3, loop), str(number).encode())
    kept = [int(row.body) for row in asked(tmp_path)]
    assert kept[-3:] == [17, 18, 19]
    assert len(kept) <= 6


def test_a_slow_disk_does_not_hold_the_event_loop(tmp_path, loop):
    """The file is a pipe that nobody reads: opening it blocks whoever writes."""
    os.mkfifo(tmp_path / NEW)
    recorder = Recorder(tmp_path, 3, loop)
    recorder._written = 0
    for number in range(5):
        recorder.listen(post(str(number).encode()), lambda response: None)(Response(200, b""))

    async def until_writing():
        while recorder._writing is None:
            await asyncio.sleep(0.01)

    loop.run_until_complete(asyncio.wait_for(until_writing(), 20))
    recorder.listen(post(b"5"), lambda response: None)(Response(200, b""))
    with (tmp_path / NEW).open("rb") as pipe:
        rows = [pipe.readline()]
    assert b'"body": "2"' in rows[0]  # the last three of the first five


@pytest.mark.parametrize("body", [b"\xff\xfe", b"x" * (BODY_BYTES + 1)])
def test_what_is_no_text_or_very_long_is_answered_and_not_kept(tmp_path, loop, body):
    recorder = Recorder(tmp_path, 3, loop)
    ask(recorder, body)
    ask(recorder, b"", method=b"GET")
    assert not (tmp_path / NEW).exists()


def test_a_file_that_is_gone_when_the_next_begins_costs_no_answer_either(tmp_path, loop):
    recorder = Recorder(tmp_path, 1, loop)
    ask(recorder, b"1")
    (tmp_path / NEW).unlink()
    ask(recorder, b"2")


def test_a_folder_that_is_gone_costs_the_record_and_not_the_answer(tmp_path, loop):
    ask(Recorder(tmp_path / "gone", 3, loop), b"1", b"2")


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", str(MOST + 1)])
def test_what_is_no_count(tmp_path, loop, text):
    with pytest.raises(InvalidCount, match=f"{VARIABLE} is '{text}': it must be a whole number from 1 to"):
        Recorder.of(tmp_path, loop, {VARIABLE: text})


@pytest.mark.parametrize("environment", [{}, {VARIABLE: ""}, {VARIABLE: " "}])
def test_nothing_is_kept_where_nobody_asks(tmp_path, loop, environment):
    assert Recorder.of(tmp_path, loop, environment) is None
    assert Recorder.of(None, loop, {VARIABLE: "5"}) is None


def test_half_a_line_is_left_out():
    whole = json.dumps({"time": 1.0, "body": "1", "status": 200, "ms": 2.0}).encode()
    assert [row.body for row in read_recorded([whole + b"\n" + whole[:20]], 5)] == ["1"]
    assert read_recorded([whole], 0) == []
