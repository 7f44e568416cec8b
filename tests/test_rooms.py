"""Who may import whom, and that no imports form a circle. What a start imports: `tests.test_starts`."""

from __future__ import annotations

from pathlib import Path

import pytest

import mlmagic
from tests.support.imports import (
    FILES,
    MAY_IMPORT,
    OPEN_TO_ALL,
    PACKAGE,
    circles,
    imports,
    module_of,
    room_of,
)

pytestmark = pytest.mark.together

# Of the scoring room, other rooms know the run directory's protocol and files, its wake-up signal, control
# socket and cgroup, the names of its variables, the formats of its log, the files of collected data, which
# certificates, hosts and web pages it takes, how values become JSON, spans of jobs, how a part of a table is
# described to the process of a batch job, and compiled models, which the compiler compares with the original.
OPEN_OF_SCORING = {
    "mlmagic.scoring.authentication",
    "mlmagic.scoring.batch.tables",
    "mlmagic.scoring.cgroups",
    "mlmagic.scoring.collection",
    "mlmagic.scoring.compiled",
    "mlmagic.scoring.subreaper",
    "mlmagic.scoring.wakeup",
    "mlmagic.scoring.control",
    "mlmagic.scoring.environment",
    "mlmagic.scoring.http.allowed_hosts",
    "mlmagic.scoring.http.caller_check",
    "mlmagic.scoring.http.cors",
    "mlmagic.scoring.http.path_prefix",
    "mlmagic.scoring.http.tls",
    "mlmagic.scoring.limits",
    "mlmagic.scoring.log_rotation",
    "mlmagic.scoring.logs",
    "mlmagic.scoring.outputs.json_encoder",
    "mlmagic.scoring.process_title",
    "mlmagic.scoring.recorder",
    "mlmagic.scoring.report",
    "mlmagic.scoring.router.routes",
    "mlmagic.scoring.settings",
    "mlmagic.scoring.shims",
    "mlmagic.scoring.telemetry.destination",
    "mlmagic.scoring.telemetry.job_spans",
    "mlmagic.scoring.termination",
    "mlmagic.scoring.__main__",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_downwards_only(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in imports()[module_of(path)]:
        other = room_of(name)
        if other == room or other in OPEN_TO_ALL:
            continue
        assert other != "__init__", f"{room} imports the roof, mlmagic/__init__.py"
        assert other in MAY_IMPORT[room], f"{room} may not import {name}"
        if other == "scoring":
            assert any(name.startswith(open_part) for open_part in OPEN_OF_SCORING), name


def test_no_imports_form_a_circle() -> None:
    assert circles(imports()) == []


def test_rooms_form_no_circle() -> None:
    assert circles({room: frozenset(others) for room, others in MAY_IMPORT.items()}) == []


def test_the_roof_offers_what_it_says() -> None:
    for name in mlmagic.__all__:
        assert getattr(mlmagic, name) is not None
        home = mlmagic._PUBLIC.get(name)
        assert home is None or room_of(home) in MAY_IMPORT["__init__"] | OPEN_TO_ALL


def test_every_room_has_its_rule() -> None:
    rooms = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix != ".md"}
    assert {room for room in rooms if not room.startswith(("__pycache__", "py."))} == set(MAY_IMPORT)
