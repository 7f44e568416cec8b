from __future__ import annotations

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.targets.fake import FakeTarget
from mlmagic.widgets.panel.log import FOLLOWED_LINES, last_failure, shown_lines
from tests.support.cards import MakePanel, deploy
from tests.support.waiting import wait_for
from tests.support.widget_tree import named

MANY = "\n".join(f"line {number}" for number in range(40))


@pytest.mark.parametrize(
    ("log", "wanted", "follow", "shown"),
    [
        ("", "", True, ""),
        ("a\nb", "", True, "a\nb"),
        (MANY, "", True, "\n".join(MANY.splitlines()[-FOLLOWED_LINES:])),
        (MANY, "", False, MANY),
        (MANY, " LINE 7 ", True, "line 7"),
        ("Ümlaut\nother", "ümlaut", False, "Ümlaut"),
        ("a", "<b>", True, "None of the last 200 lines contains '<b>'."),
        ("", "x", True, "None of the last 200 lines contains 'x'."),
    ],
)
def test_which_lines_are_shown(log: str, wanted: str, follow: bool, shown: str) -> None:
    assert shown_lines(log, wanted, follow=follow) == shown


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
    fake_engine: Engine, fake: FakeTarget, panel_of: MakePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    real = fake_engine.services.logs
    monkeypatch.setattr(
        fake_engine.services, "logs", lambda name, **how: (reads.append(name), real(name, **how))[1]
    )
    panel = panel_of(fake_engine, deploy(fake_engine))
    wait_for(lambda: "launched svc r1" in named(panel, "Log of svc"), "the log")
    looks = []
    fake_engine.watcher.watch(looks.append)
    wait_for(lambda: len(looks) > 5, "looks at a log that stays as it is")
    assert len(reads) == 1
    fake.only().log.append("more")
    wait_for(lambda: "more" in named(panel, "Log of svc"), "what is new")
    panel.log_pane.follow.value = False
    fake.only().log.append("later")
    seen = len(looks)
    wait_for(lambda: len(looks) > seen + 5, "looks that nobody follows")
    assert "later" not in panel.model.log
    panel.log_pane.follow.value = True
    wait_for(lambda: "later" in named(panel, "Log of svc"), "what came meanwhile")
    panel.log_pane.wanted.value = "LATE"
    assert "more" not in named(panel, "Log of svc")
    assert 'role="log" aria-live="off"' in named(panel, "Log of svc")


def test_a_log_out_of_reach_says_so(
    fake_engine: Engine, panel_of: MakePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = deploy(fake_engine)
    monkeypatch.setattr("mlmagic.engine.services.ownership.machine", lambda: "another")
    with fake_engine.memory.writing() as tx:
        tx.exec_driver_sql("UPDATE services SET machine = 'its own'")
    panel = panel_of(fake_engine, service)
    wait_for(lambda: "it runs on its own" in panel.model.log, "why there is no log")
