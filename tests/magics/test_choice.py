"""Which script a deploy serves when the line does not say."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.names import ModelReference
from mlmagic.core.webservice import Revision
from mlmagic.errors import NotFound, UsageError
from mlmagic.magics.choice import choose_inference, choose_script, served_script
from mlmagic.magics.session import MLMagic


@pytest.mark.parametrize(
    ("asked", "captured", "chosen"),
    [
        ("b", ["a", "b", "svc"], ("b", "as asked")),
        (None, ["svc", "m", "z"], ("svc", "named like the service")),
        (None, ["n", "m", "z"], ("m", "named like the model")),
        (None, ["y", "z"], ("z", "captured last")),
    ],
)
def test_the_order_of_choice(asked: str | None, captured: list[str], chosen: tuple[str, str]) -> None:
    assert choose_script(asked, "svc", ["m", "n"], captured) == chosen


@pytest.mark.parametrize(
    ("captured", "or_last", "chosen"),
    [
        ([], True, None),
        (["z"], False, None),
        (["z"], True, ("z", "captured last")),
        (["m", "z"], False, ("m", "named like the model")),
        (["svc"], False, ("svc", "named like the service")),
    ],
)
def test_models_may_need_none(captured: list[str], or_last: bool, chosen: tuple[str, str] | None) -> None:
    assert choose_script(None, "svc", ["m"], captured, or_last=or_last) == chosen


def test_none_captured_or_the_wrong_one_asked() -> None:
    with pytest.raises(UsageError, match=r"no script for 'svc'\. Capture one with %%score_script"):
        choose_script(None, "svc", [], [])
    with pytest.raises(NotFound, match=r"no captured script 'scroe'\. Did you mean 'score'"):
        choose_script("scroe", "svc", [], ["score"])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"script": "a", "entry_script": "b.py"}, "exclude each other"),
        ({"source_directory": "src"}, "'src' needs --entry-script"),
    ],
)
def test_contradictions_are_told(session: MLMagic, asked: dict[str, str], words: str) -> None:
    options = {"script": None, "entry_script": None, "source_directory": None, **asked}
    with pytest.raises(UsageError, match=words):
        choose_inference(session, "svc", [ModelReference("m")], **options)


def test_a_file_is_said_to_be_served(session: MLMagic) -> None:
    inference, line = choose_inference(
        session, "svc", [], script=None, entry_script="score.py", source_directory="src"
    )
    assert (inference.entry_script, inference.source_directory) == ("score.py", "src")
    assert line == "Serving score.py in src."


@pytest.mark.parametrize(
    ("served", "captured", "found"),
    [
        ({"captured_as": "a"}, ["a", "svc", "m"], "a"),
        ({"captured_as": "a"}, ["svc", "m"], None),
        # Where the name was not recorded yet.
        ({}, ["a", "m", "svc"], "svc"),
        ({}, ["a", "n", "m"], "m"),
        ({}, ["a"], None),
        # Not captured at all.
        ({"taken_from": "/src"}, ["svc", "m"], None),
        ({"no_code": True}, ["svc", "m"], None),
    ],
)
def test_which_captured_script_is_served(
    served: dict[str, Any], captured: list[str], found: str | None
) -> None:
    inference = InferenceConfig("score.py", **served)
    revision = Revision(1, ("m:3", "n:1"), inference, (), DeploymentConfig("fake"), "python")
    assert served_script("svc", revision, captured) == found
