"""The queue of records: each is delivered once, or its sender knows that it is not."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from mlmagic.scoring.delivery.batch_thread import BatchThread
from tests.support.waiting import wait_for


def queue(deliver: Any, *, most_waiting: int = 1 << 30, most_at_once: int = 100) -> BatchThread:
    return BatchThread("test", deliver, most_waiting=most_waiting, most_at_once=most_at_once, delay_s=0.01)


def test_the_records_of_several_threads_are_delivered_once_each_in_order() -> None:
    delivered: list[tuple[int, int]] = []
    sizes: list[int] = []

    def deliver(records: Sequence[Any]) -> None:
        delivered.extend(records)
        sizes.append(len(records))

    made = queue(deliver)
    threads = [
        threading.Thread(target=lambda sender=sender: [made.add((sender, at)) for at in range(5000)])
        for sender in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made.close(10) == []
    assert max(sizes) <= 100
    for sender in range(4):
        assert [at for each, at in delivered if each == sender] == [*range(5000)]


def test_what_finds_no_room_is_refused_until_there_is_room_again() -> None:
    entered, go_on = threading.Event(), threading.Event()
    delivered: list[Any] = []

    def deliver(records: Sequence[Any]) -> None:
        if records:
            entered.set()
            go_on.wait(10)
            delivered.extend(records)

    made = queue(deliver, most_waiting=10)
    assert made.add("first", 6)
    assert entered.wait(10)
    assert made.add("second", 4)
    assert not made.add("third", 1)
    go_on.set()
    wait_for(lambda: made.add("fourth", 10), "room")
    assert made.close(10) == []
    assert delivered == ["first", "second", "fourth"]


def test_after_its_end_it_takes_nothing_and_hands_back_what_is_left() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def deliver(records: Sequence[Any]) -> None:
        if records:
            entered.set()
            go_on.wait(10)

    made = queue(deliver, most_at_once=1)
    assert made.add("first")
    assert entered.wait(10)
    assert made.add("second")
    assert made.close(0.01) == ["first", "second"]
    assert not made.add("third")
    assert made.close(0.01) == []
    go_on.set()
