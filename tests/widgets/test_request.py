from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from mlmagic.core.parity import Answer
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvokeError
from mlmagic.widgets.panel.request import MOST_SHOWN, answered, readable
from tests.support.cards import ESCAPED, HOSTILE, MakePanel, deploy
from tests.support.waiting import wait_for
from tests.support.widget_tree import named

FAILURE = {"error": {"type": "KeyError", "message": "'x'", "traceback": "Traceback\n  line 3, in run"}}


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("[1.0, 2.0]", "[1.0, 2.0]"),
        ('{"a": 1}', '{\n "a": 1\n}'),
        ("no JSON <b>", "no JSON <b>"),
        (json.dumps(FAILURE), "KeyError: 'x'\nTraceback\n  line 3, in run"),
        ("x" * (MOST_SHOWN + 5), "x" * MOST_SHOWN + "\n... and 5 more characters"),
    ],
)
def test_an_answer_for_people(body: str, shown: str) -> None:
    assert readable(body) == shown


def test_an_answer_is_text() -> None:
    shown = answered("svc", Answer(500, HOSTILE, 12.345))
    assert "500 in 12.3 ms" in shown
    assert ESCAPED in shown
    assert "<script" not in shown
    assert "no response in 1 ms" in answered("svc", Answer(0, "x", 1.0))


def test_the_sample_is_sent_and_the_answer_shown(
    fake_engine: Engine, panel_of: MakePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: dict[str, Any] = {"sample": '{"data": [1]}', "sent": []}
    monkeypatch.setattr(fake_engine.requests, "sample", lambda name: said["sample"])

    def ask(name: str, body: bytes) -> Answer:
        said["sent"].append((name, body))
        return Answer(200, "[2]", 3.4)

    monkeypatch.setattr(fake_engine.requests, "send", ask)
    panel = panel_of(fake_engine, deploy(fake_engine))
    pane = panel.section("Try it")
    wait_for(lambda: pane.body.value == '{"data": [1]}', "the sample")
    pane.send_button.click()
    wait_for(lambda: "200 in 3.4 ms" in named(panel, "Response of svc"), "the answer")
    assert said["sent"] == [("svc", b'{"data": [1]}')]
    # Another revision may want another request; what somebody has written stays.
    said["sample"] = '{"data": [2]}'
    fake_engine.services.wait(fake_engine.services.restart("svc"), 20)
    wait_for(lambda: pane.body.value == '{"data": [2]}', "the other sample")
    pane.body.value = "mine"
    said["sample"] = '{"data": [3]}'
    fake_engine.services.wait(fake_engine.services.restart("svc"), 20)
    wait_for(lambda: pane._sample == '{"data": [3]}', "the third sample")
    assert pane.body.value == "mine"
    pane.sample_button.click()
    assert pane.body.value == '{"data": [3]}'


def test_what_hangs_keeps_only_its_own_button(
    fake_engine: Engine, panel_of: MakePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = threading.Event()

    def ask(name: str, body: bytes) -> Answer:
        going_on.wait(60)
        raise InvokeError(name, 0, HOSTILE)

    monkeypatch.setattr(fake_engine.requests, "send", ask)
    panel = panel_of(fake_engine, deploy(fake_engine))
    pane = panel.section("Try it")
    pane.send_button.click()
    assert pane.send_button.disabled
    assert not panel.actions.buttons["restart"].disabled
    going_on.set()
    wait_for(lambda: not pane.send_button.disabled, "the end")
    assert ESCAPED in pane.answer.value
    assert "<script" not in pane.answer.value
