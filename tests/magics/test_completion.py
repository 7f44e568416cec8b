"""Tab: names and options where they belong, nothing where it is not ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.completer import Completion, provisionalcompleter

from mlmagic.core.model import ModelDescription
from mlmagic.magics.session import MLMagic
from tests.support.shells import SCRIPT, TestingShell

pytestmark = pytest.mark.together


@pytest.fixture
def full(session: MLMagic, shell: TestingShell, tmp_path: Path) -> TestingShell:
    """A workspace with two versions of a model, a service, a captured script, and files."""
    for number in range(2):
        path = tmp_path / "weights.bin"
        path.write_text(str(number))
        session.engine.models.register(path, ModelDescription("diabetes"))
    (tmp_path / "src").mkdir()
    for name in ("score.py", "src/scoring.py", "my notes.py"):
        (tmp_path / name).write_text(SCRIPT)
    shell.run_cell("scorer = 1")
    shell.run_cell(f"%%score_script wine\n{SCRIPT}")
    shell.run_cell("%deploy live-one -m diabetes:1 --script wine")
    shell.run_cell("%alert create errors --condition drift")
    return shell


def tab(shell: TestingShell, text: str) -> list[Completion]:
    """What the shell's own completer offers at the end of ``text``."""
    with provisionalcompleter():
        return list(shell.Completer.completions(text, len(text)))


OFFERED = {
    "%deploy svc -m dia": ["diabetes", "diabetes:2", "diabetes:1"],
    "%deploy svc -m diabetes:": ["diabetes:2", "diabetes:1"],
    "%deploy svc --model=diabetes:": ["diabetes:2", "diabetes:1"],
    "svc = %deploy svc --m": ["--max-request-wait-time", "--memory", "--memory-gb", "--model"],
    "svc, other = %deploy svc --script ": ["wine"],
    "%deploy svc --o": ["--out", "--overwrite"],
    "%deploy svc --target ": ["docker", "kubernetes", "local"],
    "%deploy svc --entry-script s": ["score.py", "src/"],
    "%deploy svc --entry-script src/": ["src/scoring.py"],
    "%deploy ": ["wine", "live-one"],
    "%environment b": ["build"],
    "%environment show mlmagic-p": ["mlmagic-pytorch"],
    "%deploy svc -e mlmagic-s": ["mlmagic-sklearn"],
    "%update ": ["live-one"],
    "%update --cpu 1 l": ["live-one"],
    "%update live-one ": [],
    "%rollback ": ["live-one"],
    "%rollback live-one ": ["1"],
    "%rollback --no-wait live-one ": ["1"],
    "%rollback live-one 1 ": [],
    "%rollback nothing ": [],
    "%revisions l": ["live-one"],
    "%logs l": ["live-one"],
    "%logs other l": ["live-one"],
    "%alert cr": ["create"],
    "%alert create slow --service l": ["live-one"],
    "%alert delete e": ["errors"],
    "%delete live-one l": ["live-one"],
    "%score li": ["live-one"],
    "%score live-one sc": ["scorer"],
    "%score -o answer l": ["live-one"],
    "%score live-one -o sco": ["scorer"],
    "%register sc": ["scorer", "score.py"],
    "%register scorer --framework On": ["Onnx"],
    "%models d": ["diabetes"],
    "%%score_script ": ["diabetes"],
    "%%score_script x --carry sco": ["scorer"],
    "   %update ": ["live-one"],
    "%deploy": [],
    "%deploy svc --description Hea": [],
    "y = 7 % deploy ": [],
    "y = 7 %deploy ": [],
    "x == y %deploy ": [],
    "%other ": [],
    "deploy ": [],
    "": [],
}


def test_what_is_offered(full: TestingShell) -> None:
    complete = full._mlmagic_extension._completion.complete
    assert {line: complete(line)[1] for line in OFFERED} == OFFERED


TEXTS = [
    ("%update li", "live-one"),
    ("svc = %deploy ", "live-one"),
    ("svc = %deploy x -m diabetes:", "diabetes:2"),
    ("%%score_script dia", "diabetes"),
    ("import os\n%update li", "live-one"),
]


def test_the_shells_own_completer_offers_it(full: TestingShell) -> None:
    for text, offered in TEXTS:
        one = next(one for one in tab(full, text) if one.text == offered)
        word = text.split()[-1] if not text[-1].isspace() else ""
        assert text[one.start : one.end] == word


def test_unloading_takes_it_out(full: TestingShell) -> None:
    assert "live-one" in [one.text for one in tab(full, "%update li")]
    before = len(full.Completer.custom_matchers)
    full.extension_manager.unload_extension("mlmagic")
    assert len(full.Completer.custom_matchers) == before - 1
    assert "live-one" not in [one.text for one in tab(full, "%update li")]


def test_a_tab_makes_no_workspace(shell: TestingShell, tmp_path: Path) -> None:
    for line in ("%deploy x -m ", "%update ", "%models "):
        tab(shell, line)
    assert not (tmp_path / "home").exists()


def test_a_tab_is_silent_when_the_workspace_is_broken(
    session: MLMagic, shell: TestingShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session.engine.services, "list", lambda: 1 / 0)
    assert shell._mlmagic_extension._completion.complete("%update ") == ("", [])
