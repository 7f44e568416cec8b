"""`%%score_script` in a shell."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update

from mlmagic.capture.script import CapturedScript
from mlmagic.errors import AlreadyExists, CaptureError, InvalidConfig, NotFound, UsageError
from mlmagic.magics.session import MLMagic
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace.database import revisions
from tests.support.shells import SCRIPT, TestingShell

pytestmark = pytest.mark.together


def test_a_cell_becomes_a_script_and_is_not_run(session: MLMagic, shell: TestingShell) -> None:
    shell.run_cell("import json\nfactor = 3\ndef scale(x):\n    return x * factor")
    assert (
        shell.run_cell(
            "%%score_script scaled -o kept\ndef init():\n    print('ran')\ndef run(raw):\n"
            "    return scale(json.loads(raw))"
        )
        is None
    )
    assert session.script_names == ["scaled"]
    script = shell.user_ns["kept"]
    assert isinstance(script, CapturedScript)
    assert "factor = 3" in script.source
    assert "import json" in script.source
    assert "Captured scaled; includes" in shell.shown()
    assert "scale" in shell.shown()
    assert shell.stdout == ""


def test_braces_and_dollars_in_a_cell_are_never_touched(session: MLMagic, shell: TestingShell) -> None:
    shell.run_cell("name = 'REPLACED'")
    body = 'def init():\n    pass\ndef run(raw):\n    return {"a": f"{raw}", "b": "{name} $name {}"}\n'
    shell.run_cell(f"%%score_script braces\n{body}")
    assert body in session.script("braces").source


def test_the_last_captured_is_the_last(session: MLMagic, shell: TestingShell) -> None:
    for name in ("a", "b", "a"):
        shell.run_cell(f"%%score_script {name}\n{SCRIPT}")
    assert session.script_names == ["b", "a"]


def test_show_and_write(session: MLMagic, shell: TestingShell, tmp_path: Path) -> None:
    shell.run_cell(f"%%score_script s --show --write 'my score.py'\n{SCRIPT}")
    source = session.script("s").source
    assert source in shell.stdout
    assert (tmp_path / "my score.py").read_text() == source
    with pytest.raises(AlreadyExists, match="Name another file, or add --force"):
        shell.run_cell(f"%%score_script s --write 'my score.py'\n{SCRIPT}")
    shell.run_cell(f"%%score_script s --write 'my score.py' --force\n{SCRIPT}#\n")
    assert (tmp_path / "my score.py").read_text().endswith("#\n")


def test_an_asset_from_a_dict(session: MLMagic, shell: TestingShell, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("w")
    shell.run_cell("assets = {'words': 'words.txt'}")
    shell.run_cell(
        "%%score_script s --asset {assets}\ndef init():\n    open(words)\ndef run(raw):\n    return raw"
    )
    assert list(session.script("s").assets) == ["assets/words.txt"]


BAD_INPUT: list[tuple[str, type[Exception], str]] = [
    (f"%%score_script 'a b'\n{SCRIPT}", InvalidConfig, "script name 'a b' must be"),
    ("%%score_script s\ndef run(d): return d", CaptureError, "init"),
    ("%%score_script s\ndef init(): pass", CaptureError, "run"),
    ("%%score_script s\ndef init(:", CaptureError, "line 2"),
    ("%%score_script s\ndef init(): pass\ndef run(d):\n    return modle", CaptureError, "model"),
    (f"%%score_script s --asset x=nowhere.txt\n{SCRIPT}", NotFound, "nowhere.txt"),
    (f"%%score_script s --carry nothing\n{SCRIPT}", NotFound, "nothing"),
    (f"%%score_script s --write no/where.py\n{SCRIPT}", NotFound, "Folder not found: 'no'"),
    (f"%%score_script s --write .\n{SCRIPT}", UsageError, "is a folder"),
    (f"%%score_script s --test [undefined]\n{SCRIPT}", UsageError, "'undefined' is not defined"),
    (f"%%score_script s --test 1 -m nothing\n{SCRIPT}", NotFound, "Model not found: 'nothing'"),
    (f"%%score_script\n{SCRIPT}", UsageError, "required: NAME"),
]


def test_bad_input_is_one_line_and_changes_nothing(
    session: MLMagic, shell: TestingShell, tmp_path: Path
) -> None:
    shell.run_cell("model = object()")
    for cell, error, words in BAD_INPUT:
        shell.refuses(cell, error, words)
    assert session.script_names == []
    assert not list(tmp_path.glob("*.py"))


def reloads(fake: FakeTarget) -> dict[str, int]:
    """How often each service has taken a script on."""
    return {service.spec.name: service.reloads for service in fake.services.values()}


def test_live_services_take_on_their_own_script_only(
    session: MLMagic, shell: TestingShell, fake: FakeTarget
) -> None:
    for name in ("one", "two"):
        shell.run_cell(f"%%score_script {name}\n{SCRIPT}")
        shell.run_cell(f"%deploy svc-{name} --live --script {name}")
    shell.run_cell("%deploy svc-still --script one")
    Path("score.py").write_text(SCRIPT)
    shell.run_cell("%deploy svc-file --live --entry-script score.py")
    shell.run_cell(f"%%score_script one\n{SCRIPT}\nnewer = 1")
    assert "Reloaded svc-one" in shell.shown()
    assert reloads(fake) == {"svc-one": 1, "svc-two": 0, "svc-still": 0, "svc-file": 0}
    shell.run_cell(f"%%score_script svc-two\n{SCRIPT}")  # named like a service that serves another
    assert reloads(fake) == {"svc-one": 1, "svc-two": 0, "svc-still": 0, "svc-file": 0}
    shell.run_cell("%update svc-one --script two")
    shell.run_cell(f"%%score_script two\n{SCRIPT}\nnewer = 2")
    assert sorted(reloads(fake).values()) == [0, 0, 1, 1]
    assert shell.shown().count("Reloaded ") == 2


def test_a_live_service_from_before_names_were_recorded(
    session: MLMagic, shell: TestingShell, fake: FakeTarget
) -> None:
    shell.run_cell(f"%%score_script svc-live\n{SCRIPT}")
    shell.run_cell("%deploy svc-live --live")
    with session.engine.memory.writing() as tx:
        record = dict(tx.execute(select(revisions.c.inference)).scalar_one())
        assert record.pop("captured_as") == "svc-live"
        tx.execute(update(revisions).values(inference=record))
    shell.run_cell(f"%%score_script another\n{SCRIPT}")
    assert reloads(fake) == {"svc-live": 0}
    shell.run_cell(f"%%score_script svc-live\n{SCRIPT}\nnewer = 1")
    assert reloads(fake) == {"svc-live": 1}
    service = session.engine.services.get("svc-live")
    assert session.engine.services.revision(service).inference.captured_as == "svc-live"  # now it is recorded
