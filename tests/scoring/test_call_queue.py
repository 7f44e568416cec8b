"""Time limits, waiting limits and concurrency, with calls that wait for a condition and not for a time."""

import asyncio
import threading
import time
from time import perf_counter

import pytest

from mlmagic.scoring.calls.call_queue import TaskRunner
from mlmagic.scoring.calls.runner import Runner
from mlmagic.scoring.calls.script_thread import ScriptThread

pytestmark = pytest.mark.together


class Told:
    """A call that notes what becomes of it, and works until ``until`` is set."""

    time_limited = True

    def __init__(self, *, until=None, swallow=False, waited=0.0):
        self.until, self.swallow = until, swallow
        self.arrived = perf_counter() - waited
        self.abandoned = False
        self.log = []
        self.inside = threading.Event()
        self.thread = None
        self.begun = self.ended = 0.0

    def perform(self):
        self.log.append("perform")
        self.thread, self.begun = threading.current_thread(), perf_counter()
        self.inside.set()
        if self.until is not None:
            self._work(self.until)
        self.log.append("performed")

    def _work(self, until):
        try:
            while not until.is_set():
                time.sleep(0)
        except BaseException:
            self.log.append("interrupted")
            self.ended = perf_counter()
            if not self.swallow:
                raise
            until.wait(5)

    def finish(self):
        self.log.append("finish")

    def turn_away(self, limit_s):
        self.log.append(f"away after {limit_s}")

    def give_up(self, limit_s):
        self.log.append(f"given up after {limit_s}")


class AsyncTold(Told):
    async def perform(self):
        self.log.append("perform")
        if self.until is not None:
            await self.until.wait()
        self.log.append("performed")


def turn(loop, condition, run=None):
    async def turns():
        while not condition():
            await asyncio.sleep(0)

    (run or loop.run_until_complete)(asyncio.wait_for(turns(), 5))


@pytest.fixture
def make_runner(loop):
    """A runner, and what runs its loop until a condition holds."""
    made = []

    def make(**limits):
        made.append(Runner(ScriptThread(loop), **limits))
        return made[-1], lambda condition: turn(loop, condition, made[-1]._thread.run)

    yield make
    for runner in made:
        runner.close()


def test_a_call_that_exceeds_its_time_limit_is_interrupted_and_the_next_has_its_turn(make_runner):
    runner, until = make_runner(timeout_s=0.05)
    first, second = Told(until=threading.Event()), Told()
    runner.submit(first)
    runner.submit(second)
    until(lambda: "finish" in second.log)
    assert first.log == ["perform", "given up after 0.05", "interrupted", "finish"]
    assert second.log == ["perform", "performed", "finish"]
    assert first.thread is second.thread is threading.current_thread()


def test_a_call_in_a_system_call_is_interrupted(make_runner):
    runner, until = make_runner(timeout_s=0.05)
    first = Told(until=threading.Event())
    first._work = lambda until: time.sleep(30)
    runner.submit(first)
    until(lambda: "finish" in first.log)
    assert first.log == ["perform", "given up after 0.05", "finish"]


def test_while_a_call_cannot_be_interrupted_another_thread_makes_the_next(make_runner, monkeypatch, capfd):
    monkeypatch.setattr("mlmagic.scoring.calls.runner.INTERRUPT_S", 0.05)
    runner, until = make_runner(timeout_s=0.05)
    gate = threading.Event()
    first, second = Told(until=gate, swallow=True), Told()
    runner.submit(first)
    runner.submit(second)
    until(lambda: "finish" in second.log and (gate.set() or "performed" in first.log))
    log = capfd.readouterr().err
    assert "cannot be interrupted" in log
    assert "test_call_queue.py" in log  # where it is
    assert second.thread is not threading.current_thread()
    third = Told()
    runner.submit(third)
    until(lambda: "finish" in third.log)
    assert third.thread is threading.current_thread()
    assert first.log.count("finish") == 1


def test_each_call_has_all_of_its_time(make_runner):
    runner, until = make_runner(timeout_s=0.2)
    slow, held = Told(until=threading.Event()), threading.Event()
    quick = [Told(until=held) for _ in range(2)]
    for call in (*quick, slow):
        runner.submit(call)
    threading.Timer(0.1, held.set).start()
    until(lambda: "interrupted" in slow.log)
    assert slow.ended - slow.begun >= 0.2
    assert all(call.log == ["perform", "performed", "finish"] for call in quick)


def test_an_interruption_that_comes_late_hits_nothing(loop):
    thread = ScriptThread(loop)
    Runner(thread)
    thread._overdue = Told()
    thread._on_interrupt(0, None)
    assert thread._overdue is None


def test_a_call_that_has_waited_too_long_is_refused(make_runner):
    runner, until = make_runner(wait_s=0.05)
    gate = threading.Event()
    first, second, late = Told(until=gate), Told(), Told(waited=10)
    for call in (first, second, late):
        runner.submit(call)
    until(lambda: late.log and (gate.set() or "finish" in first.log))
    assert second.log == late.log == ["away after 0.05"]
    assert first.log == ["perform", "performed", "finish"]


@pytest.mark.parametrize("concurrent", [1, 2, 3])
def test_as_many_at_a_time_as_are_allowed(make_runner, concurrent):
    runner, until = make_runner(concurrent=concurrent)
    gate = threading.Event()
    calls = [Told(until=gate) for _ in range(4)]
    for call in calls:
        runner.submit(call)
    most = []

    def all_finish():
        if (inside := sum(call.inside.is_set() for call in calls)) >= concurrent and not gate.is_set():
            most.append(inside)
            gate.set()
        return all("finish" in call.log for call in calls)

    until(all_finish)
    assert most == [concurrent]
    assert len({call.thread for call in calls[:concurrent]}) == concurrent
    assert calls[0].thread is threading.current_thread()


def test_with_more_than_one_at_a_time_a_quick_call_is_made_on_the_scripts_thread(make_runner):
    runner, until = make_runner(concurrent=4)
    calls = [Told() for _ in range(4)]
    for call in calls:
        runner.submit(call)
    until(lambda: all("finish" in call.log for call in calls))
    assert {call.thread for call in calls} == {threading.current_thread()}


@pytest.mark.parametrize(("concurrent", "begun"), [(None, 4), (1, 1), (2, 2)])
def test_async_calls_overlap(loop, concurrent, begun):
    tasks, gate = TaskRunner(loop, concurrent=concurrent), asyncio.Event()
    calls = [AsyncTold(until=gate) for _ in range(4)]
    for call in calls:
        tasks.submit(call)
    turn(loop, lambda: sum("perform" in call.log for call in calls) == begun)
    gate.set()
    turn(loop, lambda: all("finish" in call.log for call in calls))


def test_an_async_call_that_is_overdue_is_cancelled(loop):
    tasks, call = TaskRunner(loop, timeout_s=0.05), AsyncTold(until=asyncio.Event())
    tasks.submit(call)
    turn(loop, lambda: "finish" in call.log)
    assert call.log == ["perform", "given up after 0.05", "finish"]
