from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlmagic.scoring.report import FAILED, RunDirectory, prepare
from mlmagic.scoring.termination import LONGEST_BYTES, VARIABLE, message_of


def test_a_failure_is_the_last_message_of_its_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "message"))
    prepare(tmp_path / "run")
    error = {"phase": "init", "type": "KeyError", "message": "no such weight", "traceback": "Traceback"}
    RunDirectory.claim(tmp_path / "run").write(FAILED, error=error)
    assert json.loads((tmp_path / "message").read_text()) == error


@pytest.mark.parametrize("letter", ["x", "é", "\n", "\udce9"])
def test_a_long_message_keeps_its_end_and_fits(letter: str) -> None:
    error = {"phase": "init", "message": letter * 9000, "traceback": letter * 90_000 + "KeyError: the end"}
    written = message_of(error)
    assert len(written) <= LONGEST_BYTES
    told = json.loads(written)
    assert told["phase"] == "init"
    assert told["traceback"].endswith("KeyError: the end")
    assert told["traceback"].startswith("...")


def test_nothing_is_missing_from_a_short_one() -> None:
    assert json.loads(message_of({"message": "no", "hint": None})) == {"message": "no"}
