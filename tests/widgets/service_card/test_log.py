from __future__ import annotations

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.targets.fake import FakeTarget
from mlmagic.widgets.service_card.log import last_failure
from tests.support.cards import MakeCard, deploy
from tests.support.waiting import wait_for


@pytest.mark.parametrize(
    ("log", "failure"),
    [
        ("", ""),
        ("ready\nserving", ""),
        (
            "ready\n[a1] run() failed:\n[a1] Traceback\n[a1]   x\n[a1] KeyError: 1\n[b2] other",
            "Traceback\n  x\nKeyError: 1",
        ),
        ("[a] run() failed:\n[a] first\n[b] run() failed:\n[c] between\n[b] second", "second"),
        ("run() failed:\nTraceback\nKeyError: 1", "Traceback\nKeyError: 1"),
        ("he said [a] run() failed:\nno", ""),
    ],
)
def test_the_last_failure_is_found(log: str, failure: str) -> None:
    assert last_failure(log.splitlines()) == failure


def test_it_is_read_when_there_is_more_and_while_somebody_follows(
    fake_engine: Engine, fake: FakeTarget, card_of: MakeCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    real = fake_engine.services.logs
    monkeypatch.setattr(
        fake_engine.services, "logs", lambda name, **how: (reads.append(name), real(name, **how))[1]
    )
    card = card_of(fake_engine, deploy(fake_engine))
    looks = []
    fake_engine.watcher.watch(looks.append)
    wait_for(lambda: len(looks) > 5, "looks at a log that nobody follows")
    assert (reads, card.log_text) == ([], "")
    card.outcome("follow_log", {"follow": True})
    assert "launched svc r1" in card.log_text
    seen = len(looks)
    wait_for(lambda: len(looks) > seen + 5, "looks at a log that stays as it is")
    assert len(reads) <= 2  # once when it is opened, and once when the watcher sees it first
    fake.only().log.append("more\x1b[2J")
    wait_for(lambda: "more\\x1b[2J" in card.log_text, "what is new, its control characters written out")
    card.outcome("follow_log", {"follow": True})  # in a second view of the card
    card.outcome("follow_log", {"follow": False})
    fake.only().log.append("for the first")
    wait_for(lambda: "for the first" in card.log_text, "what the first view follows")
    card.outcome("follow_log", {"follow": False})
    fake.only().log.append("later")
    seen = len(looks)
    wait_for(lambda: len(looks) > seen + 5, "looks that nobody follows")
    assert "later" not in card.log_text


def test_a_log_out_of_reach_says_so(
    fake_engine: Engine, card_of: MakeCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = deploy(fake_engine)
    monkeypatch.setattr("mlmagic.engine.services.ownership.machine", lambda: "another")
    with fake_engine.memory.writing() as tx:
        tx.exec_driver_sql("UPDATE services SET machine = 'its own'")
    card = card_of(fake_engine, service)
    card.outcome("follow_log", {"follow": True})
    assert "it runs on its own" in card.log_text
