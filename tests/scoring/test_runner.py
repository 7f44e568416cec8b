import asyncio
import threading
from time import perf_counter

import pytest

from mlmagic.scoring.calls.runner import Pace, Runner

MS = 0.001


@pytest.mark.parametrize(
    ("calls", "inline"),
    [
        ([], False),
        ([0.1 * MS], True),
        ([1.6 * MS], False),
        ([0.1 * MS, 5 * MS], False),
        ([0.1 * MS, 4.9 * MS], True),
        ([0.1 * MS] + [4.9 * MS] * 3, False),
        ([500 * MS] + [0.1 * MS] * 5, False),
        ([500 * MS] + [0.1 * MS] * 15, True),
        ([1 * MS] + [1.9 * MS] * 20, True),
        ([3 * MS] + [1.9 * MS] * 50, False),
        ([0.1 * MS, 3000 * MS] + [0.1 * MS] * 15, True),
        ([0.1 * MS, 3000 * MS] + [0.1 * MS] * 15 + [3000 * MS] + [0.1 * MS] * 50, False),
        ([0.1 * MS, 3000 * MS] + [0.1 * MS] * 15 + [3000 * MS] + [0.1 * MS] * 100, True),
    ],
)
def test_where_the_next_call_runs(calls, inline):
    pace = Pace()
    for seconds in calls:
        pace.record(seconds)
    assert pace.inline is inline


class Recorded:
    def __init__(self, name, log, wait=None, abandoned=False):
        self.name, self.log, self.wait, self.abandoned = name, log, wait, abandoned
        self.thread = None
        self.arrived = perf_counter()

    def perform(self):
        self.thread = threading.current_thread()
        self.log.append(("perform", self.name))
        if self.wait:
            assert self.wait.wait(5)

    def finish(self):
        self.log.append(("finish", self.name))


def until(loop, condition):
    async def turns():
        while not condition():
            await asyncio.sleep(0)

    loop.run_until_complete(asyncio.wait_for(turns(), 5))


def test_short_calls_that_arrive_together_are_performed_and_then_answered(loop):
    runner, log = Runner(loop), []
    runner.pace.record(0.0)
    calls = [Recorded(name, log) for name in "ab"]
    for call in calls:
        runner.submit(call)
    assert log == []
    until(loop, lambda: len(log) == 4)
    assert log == [("perform", "a"), ("perform", "b"), ("finish", "a"), ("finish", "b")]
    assert {call.thread for call in calls} == {threading.current_thread()}


def test_others_have_a_turn_of_the_loop_where_calls_together_would_take_long(loop, monkeypatch):
    monkeypatch.setattr("mlmagic.scoring.calls.runner.TOGETHER_S", 1e-9)
    runner, log = Runner(loop), []
    runner.pace.record(0.0)
    for name in "ab":
        runner.submit(Recorded(name, log))
    loop.call_soon(log.append, "others")
    until(loop, lambda: len(log) == 5)
    assert log == [("perform", "a"), ("finish", "a"), "others", ("perform", "b"), ("finish", "b")]


def test_calls_wait_for_the_one_in_the_thread_and_keep_their_order(loop):
    runner, log, gate = Runner(loop), [], threading.Event()
    calls = [Recorded("a", log, gate), *(Recorded(name, log) for name in "bcd")]
    for call in calls:
        runner.submit(call)
    until(loop, lambda: log)
    assert log == [("perform", "a")]
    gate.set()
    until(loop, lambda: len(log) == 8)
    runner.close()
    assert [name for what, name in log if what == "perform"] == list("abcd")
    assert [name for what, name in log if what == "finish"] == list("abcd")
    assert calls[0].thread is not threading.current_thread()


def test_an_abandoned_call_is_not_performed(loop):
    runner, log, gate = Runner(loop), [], threading.Event()
    for call in (Recorded("a", log, gate), Recorded("b", log, abandoned=True), Recorded("c", log)):
        runner.submit(call)
    gate.set()
    until(loop, lambda: ("finish", "c") in log)
    runner.close()
    assert ("perform", "b") not in log
    assert ("finish", "b") in log
