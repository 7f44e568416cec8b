"""Which notices a subscription wants."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mlmagic.core.filters import Condition, EventFilter
from mlmagic.core.notices import Notice
from mlmagic.errors import InvalidConfig

NOTICE = Notice(
    "1",
    "Microsoft.MachineLearningServices.ModelRegistered",
    "/workspaces/w",
    "models/Diabetes:12",
    datetime(2026, 1, 1, tzinfo=UTC),
    {"ModelName": "Diabetes", "ModelTags": {"Stage": "Prod", "a.b": "dotted", "it's": "x"}, "Number": 3},
)

ACCEPTED = {
    "data.ModelTags.stage StringIn ('prod')": True,
    "DATA.modeltags.STAGE stringin ('test', 'PROD')": True,
    "data.ModelTags.stage StringIn ('test')": False,
    "data.ModelTags.nothing StringIn ('prod')": False,
    "data.ModelTags.nothing StringNotIn ('prod')": True,
    "data.ModelTags.stage StringNotIn ('prod')": False,
    "data.ModelTags.a.b StringIn ('dotted')": True,
    "data.ModelTags StringIn ('prod')": False,
    "data.Number StringIn ('3')": False,
    "data.ModelName StringBeginsWith 'dia'": True,
    'data.ModelName StringEndsWith ("x", "TES")': True,
    "data.ModelName StringContains ('bet')": True,
    "data.ModelName StringNotContains ('bet')": False,
    "data.ModelName StringNotBeginsWith ('x')": True,
    "subject StringEndsWith (':12')": True,
    "eventType StringContains 'Registered'": True,
    '{"operatorType": "StringIn", "key": "data.ModelTags.stage", "values": ["prod"]}': True,
    '{"operatorType": "StringBeginsWith", "key": "subject", "value": "nothing"}': False,
}


@pytest.mark.parametrize(("text", "accepted"), list(ACCEPTED.items()))
def test_advanced_filters(text: str, accepted: bool) -> None:
    condition = Condition.parse(text)
    assert condition.accepts(NOTICE) is accepted
    assert Condition.parse(str(condition)) == condition
    assert Condition.of(condition.plain()) == condition


@pytest.mark.parametrize(
    ("given", "accepted"),
    [
        ({}, True),
        ({"event_types": ["modelregistered"]}, True),
        ({"event_types": ["ModelDeployed", "Microsoft.MachineLearningServices.ModelRegistered"]}, True),
        ({"event_types": ["ModelDeployed"]}, False),
        ({"subject_begins_with": "MODELS/d"}, True),
        ({"subject_begins_with": "endpoints/"}, False),
        ({"subject_ends_with": "TES:12"}, True),
        ({"subject_ends_with": ":1"}, False),
        (
            {"advanced": ["data.ModelTags.stage StringIn ('prod')", "data.ModelName StringIn ('other')"]},
            False,
        ),
        ({"subject_begins_with": "models/", "advanced": ["data.ModelTags.stage StringIn ('prod')"]}, True),
    ],
)
def test_all_that_a_filter_names_must_hold(given: dict[str, Any], accepted: bool) -> None:
    wanted = EventFilter.read(**given)
    assert wanted.accepts(NOTICE) is accepted
    assert EventFilter.of(wanted.plain()) == wanted


def test_a_quote_in_a_value_is_written_twice() -> None:
    assert Condition.parse("data.k StringIn ('it''s', \"a 'b'\")").values == ("it's", "a 'b'")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data.k", "advanced filter 'data.k' must be KEY OPERATOR .* For example data.ModelTags.stage"),
        ("data.k StringIn ()", "must be KEY OPERATOR"),
        ("data.k StringIn (a)", "must be KEY OPERATOR"),
        ("data.k StringIn ('a'", "must be KEY OPERATOR"),
        ("data.k StringInn ('a')", "operator 'StringInn' must be one of .* Did you mean StringIn?"),
        ("nothing StringIn ('a')", "key 'nothing' must be data.NAME"),
        ("data StringIn ('a')", "key 'data' must be data.NAME"),
        ("{", "is not JSON"),
        ('{"key": "data.k"}', "operator ''"),
        ('{"key": "data.k", "operatorType": "StringIn", "values": []}', "must be texts, at least one"),
        ('{"key": "data.k", "operatorType": "StringIn", "values": [1]}', "must be texts"),
        ('{"key": "data.k", "operatorType": "StringIn", "vals": ["a"]}', "must have operatorType"),
    ],
)
def test_a_bad_filter_is_refused_with_the_text_the_rule_and_the_fix(text: str, words: str) -> None:
    with pytest.raises(InvalidConfig, match=words):
        Condition.parse(text)
