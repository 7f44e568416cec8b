"""Which interpreters there are, and which one an environment gets."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mlmagic.engine.environments.pythons import Interpreter, ask, choose, interpreters, this_interpreter
from mlmagic.errors import InvalidConfig, NotFound

OWN = Interpreter("/own", "3.11.7")
THERE = [Interpreter("/c", "3.13.0"), Interpreter("/b", "3.12.4"), OWN, Interpreter("/a", "3.9.2")]


@pytest.mark.parametrize(
    ("wanted", "nearest", "path"),
    [
        (None, False, "/own"),
        ("3.11", False, "/own"),
        ("3.11.2", False, "/own"),
        ("3.12", False, "/b"),
        ("3.12.*", False, "/b"),
        ("3.13.9", False, "/c"),
        ("3.6.2", True, "/own"),
        ("3.9", True, "/own"),
        ("3.14", True, "/c"),
    ],
)
def test_the_interpreter_for_a_version(wanted: str | None, nearest: bool, path: str) -> None:
    assert choose(wanted, OWN, THERE, nearest=nearest).path == path


def test_the_exact_version_is_taken_where_it_is_there() -> None:
    there = [*THERE, Interpreter("/d", "3.12.1")]
    assert choose("3.12.1", OWN, there, nearest=False).path == "/d"


def test_one_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(NotFound) as caught:
        choose("3.14", OWN, THERE, nearest=False)
    assert str(caught.value) == (
        "no Python on this machine '3.14'. On this machine are 3.13.0, 3.12.4, 3.11.7. "
        "--python nearest takes the nearest."
    )


def test_one_that_is_too_old_for_the_server_is_told() -> None:
    with pytest.raises(InvalidConfig) as caught:
        choose("3.9", OWN, THERE, nearest=False)
    assert "Python '3.9' is older than the scoring server runs on, which is 3.11" in str(caught.value)


@pytest.mark.processes
def test_the_machines_own_are_found_and_remembered(tmp_path: Path) -> None:
    memo = tmp_path / "store" / "pythons.json"
    found = interpreters(memo)
    assert this_interpreter() in found
    assert all(Path(each.path).is_file() for each in found)
    assert [each.minor for each in found] == sorted((each.minor for each in found), reverse=True)
    told = json.loads(memo.read_text())
    assert told
    assert interpreters(memo) == found
    assert json.loads(memo.read_text()) == told


@pytest.mark.processes
def test_a_virtual_environments_interpreter_says_what_it_is_made_from(tmp_path: Path) -> None:
    assert ask(sys.executable) == this_interpreter()
    nothing = tmp_path / "python3"
    nothing.write_text("#!/bin/sh\nexit 1\n")
    nothing.chmod(0o755)
    assert ask(str(nothing)) is None
