"""The script that a deploy serves: named, or named like the service or a model, and never another."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.names import ModelReference
from mlmagic.core.webservice import Revision
from mlmagic.errors import NotFound, UsageError
from mlmagic.magics.script_selection import choose_inference, choose_script, served_script
from mlmagic.magics.session import MLMagic


@pytest.mark.parametrize(
    ("wanted", "captured", "chosen"),
    [
        ("b", ["a", "b", "svc"], ("b", "named with --script")),
        (None, ["svc", "m", "z"], ("svc", "named like the service")),
        (None, ["n", "m", "z"], ("m", "named like the model")),
        (None, [], None),
        # A script of another name is never served in silence.
        (None, ["z"], None),
        (None, ["y", "z"], None),
    ],
)
def test_the_order_of_choice(wanted: str | None, captured: list[str], chosen: tuple[str, str] | None) -> None:
    assert choose_script(wanted, "svc", ["m", "n"], captured) == chosen


@pytest.mark.parametrize(
    ("wanted", "captured", "error", "message"),
    [
        (
            None,
            [],
            UsageError,
            r"no script is named like the service 'svc'\. Capture one with %%score_script",
        ),
        (None, ["y", "z"], UsageError, r"'svc'\. Captured scripts: 'y', 'z'\. Name one, .*: --script z\."),
        ("scroe", ["score"], NotFound, r"Captured script not found: 'scroe'\. Did you mean 'score'"),
    ],
)
def test_without_a_model_a_script_must_be_named(
    wanted: str | None, captured: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        choose_script(wanted, "svc", [], captured)


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
