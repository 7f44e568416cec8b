"""One engine has one supervisor, however many threads call it and however many signals it gets."""

from __future__ import annotations

import threading
import time

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.workspace.wakeup import FALSE_AT_ONCE, FALSE_PER_SECOND, WakeupListener
from tests.support.engines import ON_FAKE, script

pytestmark = pytest.mark.together


def test_threads_that_call_at_once_start_one_supervisor(fake_engine: Engine) -> None:
    barrier = threading.Barrier(8)

    def call() -> None:
        barrier.wait()
        fake_engine.supervision.ensure()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("mlmagic-supervisor") == 1


def test_a_flood_of_wake_up_signals_costs_few_looks_at_the_rows(
    fake_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("flooded", [], script(), ON_FAKE))
    answered = 0
    clear = WakeupListener.clear

    def counted(listener: WakeupListener) -> None:
        nonlocal answered
        answered += 1
        clear(listener)

    monkeypatch.setattr(WakeupListener, "clear", counted)
    fake_engine.bus.subscribe(lambda news: None)
    began, sent = time.monotonic(), 0
    while sent < 10_000:
        fake_engine.memory.notify_all()
        sent += 1
    seconds = time.monotonic() - began
    listeners = 2  # the supervisor's and the bus's
    assert answered <= 2 * listeners * (FALSE_AT_ONCE + FALSE_PER_SECOND * seconds) < sent
    fake_engine.services.wait(fake_engine.services.deploy("afterwards", [], script(), ON_FAKE))
