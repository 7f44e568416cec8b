"""Which version a service that follows a model takes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlmagic.core.follow import Follow, check_tag, choose, is_ready, served_version, with_version
from mlmagic.core.webservice import Desired, Retiring, State, Webservice
from mlmagic.errors import InvalidConfig

SERVICE = Webservice("1", "svc", "fake", Desired.RUNNING, State.HEALTHY, 1, 0.0, 0.0, serving=1)


@pytest.mark.parametrize(
    ("waiting", "served", "chosen", "skipped"),
    [
        ([], 1, None, []),
        ([2], 1, 2, []),
        ([4, 2, 3], 1, 4, [2, 3]),
        ([2, 3], 3, None, [2, 3]),
        ([2, 5], 3, 5, [2]),
        ([2], None, None, [2]),
    ],
)
def test_the_newest_is_taken_and_never_an_older_one(
    waiting: list[int], served: int | None, chosen: int | None, skipped: list[int]
) -> None:
    assert choose(waiting, served) == (chosen, skipped)


@pytest.mark.parametrize(
    ("tag", "tags", "wanted"),
    [
        (None, {}, True),
        ("stage=production", {"stage": "production"}, True),
        ("stage=production", {"stage": "test"}, False),
        ("stage=production", {}, False),
        ("a=b=c", {"a": "b=c"}, True),
    ],
)
def test_the_tag_decides(tag: str | None, tags: dict[str, str], wanted: bool) -> None:
    assert Follow("svc", "m", tag).wants(tags) is wanted


@pytest.mark.parametrize("tag", ["stage", "=x", ""])
def test_a_tag_is_key_and_value(tag: str) -> None:
    with pytest.raises(InvalidConfig, match="must be KEY=VALUE"):
        check_tag(tag)


def test_the_model_is_replaced_where_it_stands() -> None:
    assert with_version(["a:1", "m:1", "mm:1"], "m", 3) == ["a:1", "m:3", "mm:1"]
    assert (served_version(["a:1", "m:2"], "m"), served_version(["a:1"], "m")) == (2, None)


@pytest.mark.parametrize(
    ("changes", "ready"),
    [
        ({}, True),
        ({"state": State.UNHEALTHY}, True),
        ({"state": State.FAILED}, True),
        ({"state": State.TRANSITIONING}, False),
        ({"state": State.STOPPED}, False),
        ({"desired": Desired.STOPPED}, False),
        ({"desired": Desired.DELETED}, False),
        ({"candidate": 2}, False),
        ({"retiring": (Retiring(1, None),)}, False),
    ],
)
def test_a_service_takes_on_one_version_at_a_time(changes: dict[str, Any], ready: bool) -> None:
    assert is_ready(replace(SERVICE, **changes)) is ready
