from __future__ import annotations

import json
from typing import Any

import pytest

from mlmagic.core.parity import Answer
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvokeError
from mlmagic.widgets.service_card.request import MOST_SHOWN, answered, readable
from tests.support.cards import HOSTILE, MakeCard, deploy

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


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (Answer(500, HOSTILE, 12.345), {"status": 500, "milliseconds": 12.345, "body": HOSTILE}),
        (Answer(0, "a\x1b[2J", 1.0), {"status": 0, "milliseconds": 1.0, "body": "a\\x1b[2J"}),
    ],
)
def test_an_answer_for_the_component(answer: Answer, shown: dict[str, Any]) -> None:
    assert answered(answer) == shown


def test_a_request_is_sent_as_it_is_written(
    fake_engine: Engine, card_of: MakeCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []

    def send(name: str, body: bytes) -> Answer:
        sent.append((name, body))
        return Answer(200, "[2]", 3.4)

    monkeypatch.setattr(fake_engine.requests, "send", send)
    monkeypatch.setattr(fake_engine.requests, "sample", lambda name: '{"data": [1]}')
    card = card_of(fake_engine, deploy(fake_engine))
    assert card.outcome("sample", {}) == {"value": '{"data": [1]}'}
    answer = card.outcome("send", {"body": ' {"data": [1]}'})
    assert answer == {"value": {"status": 200, "milliseconds": 3.4, "body": "[2]"}}
    assert sent == [("svc", b' {"data": [1]}')]


def test_a_request_without_an_answer_is_an_error(
    fake_engine: Engine, card_of: MakeCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(name: str, body: bytes) -> Answer:
        raise InvokeError(name, 0, HOSTILE)

    monkeypatch.setattr(fake_engine.requests, "send", send)
    card = card_of(fake_engine, deploy(fake_engine))
    assert HOSTILE in card.outcome("send", {"body": "1"})["error"]
