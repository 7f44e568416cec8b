"""Calls of a plain run(): their order, their thread, and the event loop that moves away from a long one."""

import asyncio
import threading
from time import perf_counter

import pytest

from mlmagic.scoring.calls.runner import Runner
from mlmagic.scoring.calls.script_thread import ScriptThread
from mlmagic.scoring.event_loop import new_event_loop

pytestmark = pytest.mark.together


class Recorded:
    time_limited = True

    def __init__(self, name, log, wait=None, abandoned=False):
        self.name, self.log, self.wait, self.abandoned = name, log, wait, abandoned
        self.thread = self.loop = None
        self.arrived = perf_counter()

    def perform(self):
        self.thread = threading.current_thread()
        self.loop = asyncio._get_running_loop()
        self.log.append(("perform", self.name))
        if self.wait:
            assert self.wait.wait(5)

    def finish(self):
        self.log.append(("finish", self.name))


@pytest.fixture(params=["asyncio", "uvloop"])
def runner(request):
    """On the event loop of a server, too."""
    loop = asyncio.new_event_loop() if request.param == "asyncio" else new_event_loop()
    runner = Runner(ScriptThread(loop))
    runner._thread.patience_s = 0.01
    yield runner
    runner.close()
    loop.close()


def until(runner, condition):
    async def turns():
        while not condition():
            await asyncio.sleep(0)

    runner._thread.run(asyncio.wait_for(turns(), 5))


def test_calls_that_arrive_together_are_performed_and_then_answered(runner, monkeypatch):
    monkeypatch.setattr("mlmagic.scoring.calls.runner.TOGETHER_S", 60)
    log = []
    calls = [Recorded(name, log) for name in "ab"]
    for call in calls:
        runner.submit(call)
    assert log == []
    until(runner, lambda: len(log) == 4)
    assert log == [("perform", "a"), ("perform", "b"), ("finish", "a"), ("finish", "b")]
    assert {call.thread for call in calls} == {threading.current_thread()}


def test_the_loop_has_a_turn_where_calls_together_would_take_long(runner, monkeypatch):
    monkeypatch.setattr("mlmagic.scoring.calls.runner.TOGETHER_S", 0)
    log = []

    async def three_calls():
        for name in "abc":
            runner.submit(Recorded(name, log))
        while len(log) < 7:
            await asyncio.sleep(0)
            if log and log[-1] == ("finish", "a"):
                log.append("others")

    runner._thread.run(asyncio.wait_for(three_calls(), 5))
    a, b, c = ([("perform", name), ("finish", name)] for name in "abc")
    assert log == [*a, "others", *b, *c]


def test_the_loop_moves_away_from_a_long_call_and_the_calls_keep_their_thread_and_order(runner):
    log, gate, loop_threads = [], threading.Event(), set()
    calls = [Recorded("a", log), Recorded("b", log, gate), *(Recorded(name, log) for name in "cd")]
    for call in calls:
        runner.submit(call)

    def b_is_running_and_a_is_answered():
        loop_threads.add(threading.current_thread())
        return ("finish", "a") in log and ("perform", "b") in log

    until(runner, lambda: b_is_running_and_a_is_answered() and (gate.set() or len(log) == 8))
    assert [name for what, name in log if what == "perform"] == list("abcd")
    assert [name for what, name in log if what == "finish"] == list("abcd")
    assert {call.thread for call in calls} == {threading.current_thread()}
    assert {call.loop for call in calls} == {None}
    assert len(loop_threads - {threading.current_thread()}) == 1


def test_the_loop_comes_back_after_a_long_call(runner):
    log, gate = [], threading.Event()
    runner.submit(Recorded("long", log, gate))
    loop_threads = []

    def home_again():
        loop_threads.append(threading.current_thread())
        if loop_threads[-1] is not threading.main_thread():
            gate.set()
        return len(log) == 2 and loop_threads[-1] is threading.main_thread()

    until(runner, home_again)
    assert len(set(loop_threads)) == 2
    assert not runner._thread.away


def test_quick_and_long_calls_mixed_from_many_connections(runner):
    """Whatever moves where and when, every call is made once, on one thread, and answered once."""
    log, calls, never = [], [], threading.Event()

    class Mixed(Recorded):
        def perform(self):
            super().perform()
            never.wait((0, 0.0005, 0.012)[self.name % 3] if self.name % 5 == 0 else 0)

    async def client(number):
        for each in range(40):
            calls.append(Mixed(number * 40 + each, log))
            runner.submit(calls[-1])
            while ("finish", calls[-1].name) not in log[-60:] and len(log) < 2 * 40 * 6:
                await asyncio.sleep(0.0003)

    async def everybody():
        await asyncio.gather(*(client(number) for number in range(6)))
        while len(log) < 2 * 40 * 6:
            await asyncio.sleep(0.001)

    runner._thread.run(asyncio.wait_for(everybody(), 60))
    assert sorted(name for what, name in log if what == "perform") == list(range(240))
    assert sorted(name for what, name in log if what == "finish") == list(range(240))
    assert {call.thread for call in calls} == {threading.current_thread()}


def test_an_abandoned_call_is_not_performed(runner):
    log, gate = [], threading.Event()
    gate.set()
    for call in (Recorded("a", log, gate), Recorded("b", log, abandoned=True), Recorded("c", log)):
        runner.submit(call)
    until(runner, lambda: ("finish", "c") in log)
    assert ("perform", "b") not in log
    assert ("finish", "b") in log


def test_a_function_of_ours_has_its_turn_without_a_time_limit(loop):
    runner = Runner(ScriptThread(loop), timeout_s=0.02)

    def long():
        threading.Event().wait(0.1)
        return threading.current_thread()

    assert runner._thread.run(runner.run(long)) is threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        runner._thread.run(runner.run(lambda: 1 / 0))
    runner.close()
