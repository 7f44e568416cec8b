"""One engine has one supervisor, however many threads call it."""

from __future__ import annotations

import threading

import pytest

from mlmagic.engine.engine import Engine

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
