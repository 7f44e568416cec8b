"""Time limits, waiting limits and concurrency, with calls that wait for a condition and not for a time."""

import asyncio
import threading
import time
from time import perf_counter

import pytest

from mlmagic.scoring.calls.runner import Alarm, Runner
from mlmagic.scoring.calls.turns import Tasks


class Told:
    """A call that notes what becomes of it, and does what it is told until it is let go."""

    def __init__(self, *, until=None, swallow=False, waited=0.0):
        self.until, self.swallow = until, swallow
        self.arrived = perf_counter() - waited
        self.abandoned = False
        self.log = []
        self.inside = threading.Event()

    def perform(self):
        self.log.append("perform")
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


def turn(loop, condition):
    async def turns():
        while not condition():
            await asyncio.sleep(0)

    loop.run_until_complete(asyncio.wait_for(turns(), 5))


def test_one_that_is_overdue_is_interrupted_and_the_next_has_its_turn(loop):
    runner, never = Runner(loop, timeout_s=0.05), threading.Event()
    first, second = Told(until=never), Told()
    runner.submit(first)
    runner.submit(second)
    turn(loop, lambda: "finish" in second.log)
    runner.close()
    assert first.log == ["perform", "given up after 0.05", "interrupted", "finish"]
    assert second.log == ["perform", "performed", "finish"]


def test_one_that_cannot_be_interrupted_is_left_behind(loop, monkeypatch, capfd):
    monkeypatch.setattr("mlmagic.scoring.calls.runner.INTERRUPT_S", 0.05)
    runner, gate = Runner(loop, timeout_s=0.05), threading.Event()
    first, second = Told(until=gate, swallow=True), Told()
    runner.submit(first)
    runner.submit(second)
    turn(loop, lambda: "finish" in second.log)
    assert "cannot be interrupted" in capfd.readouterr().err
    gate.set()
    third = Told()
    runner.submit(third)
    turn(loop, lambda: "finish" in third.log)
    runner.close()
    assert first.log.count("finish") == 1


def test_on_the_loop_an_alarm_interrupts(loop):
    alarm = Alarm(0.05)
    call = Told(until=threading.Event())
    assert alarm.guard(call) is False
    assert call.log == ["perform", "interrupted"]
    assert alarm.guard(Told()) is True


def test_a_later_call_has_all_of_its_time(loop):
    alarm = Alarm(0.2)
    quick, slow = Told(), Told(until=threading.Event())
    begun = perf_counter()
    while perf_counter() - begun < 0.1:
        assert alarm.guard(quick)
    start = perf_counter()
    assert alarm.guard(slow) is False
    assert perf_counter() - start >= 0.2


def test_an_alarm_that_comes_late_hits_nothing():
    alarm = Alarm(60)
    alarm.guard(Told())
    alarm._ring(14, None)


def test_who_has_waited_too_long_is_turned_away(loop):
    runner, gate = Runner(loop, wait_s=0.05), threading.Event()
    first, second, late = Told(until=gate), Told(), Told(waited=10)
    for call in (first, second, late):
        runner.submit(call)
    turn(loop, lambda: late.log)
    gate.set()
    turn(loop, lambda: "finish" in first.log)
    runner.close()
    assert second.log == late.log == ["away after 0.05"]
    assert first.log == ["perform", "performed", "finish"]


@pytest.mark.parametrize("concurrent", [1, 2, 3])
def test_as_many_at_a_time_as_are_allowed(loop, concurrent):
    runner, gate = Runner(loop, concurrent=concurrent), threading.Event()
    calls = [Told(until=gate) for _ in range(4)]
    for call in calls:
        runner.submit(call)
    turn(loop, lambda: sum(call.inside.is_set() for call in calls) == concurrent)
    assert sum(call.inside.is_set() for call in calls) == concurrent
    gate.set()
    turn(loop, lambda: all("finish" in call.log for call in calls))
    runner.close()


@pytest.mark.parametrize(("concurrent", "begun"), [(None, 4), (1, 1), (2, 2)])
def test_async_calls_overlap(loop, concurrent, begun):
    tasks, gate = Tasks(loop, concurrent=concurrent), asyncio.Event()
    calls = [AsyncTold(until=gate) for _ in range(4)]
    for call in calls:
        tasks.submit(call)
    turn(loop, lambda: sum("perform" in call.log for call in calls) == begun)
    gate.set()
    turn(loop, lambda: all("finish" in call.log for call in calls))


def test_an_async_call_that_is_overdue_is_cancelled(loop):
    tasks, call = Tasks(loop, timeout_s=0.05), AsyncTold(until=asyncio.Event())
    tasks.submit(call)
    turn(loop, lambda: "finish" in call.log)
    assert call.log == ["perform", "given up after 0.05", "finish"]
