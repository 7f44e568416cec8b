"""`python -m tests.house`, and that tests import no neighbours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import house
from tests.support.imports import circles, imports

pytestmark = pytest.mark.together

TESTS = Path(__file__).parent
IMPORT = re.compile(r"^\s*from (\.*)([\w.]*) import (.*)$", re.MULTILINE)


@pytest.mark.parametrize(
    ("arrows", "expected"),
    [
        ({"a": "b", "b": "cd", "c": "a", "d": "e", "e": ""}, [["a", "b", "c"]]),
        ({"a": "bc", "b": "c", "c": ""}, []),
        ({"a": "a"}, [["a"]]),
        ({"a": "b", "b": "a", "c": "dab", "d": "c"}, [["a", "b"], ["c", "d"]]),
    ],
)
def test_circles_are_found(arrows: dict[str, str], expected: list[list[str]]) -> None:
    assert circles({name: frozenset(others) for name, others in arrows.items()}) == expected


def test_imports_are_those_of_the_source() -> None:
    assert "mlmagic.core.webservice" in imports()["mlmagic.targets.base"]
    assert "mlmagic.errors" in imports()["mlmagic.targets.fake"]
    assert "mlmagic.targets.fake" not in imports()["mlmagic.targets.base"]


def test_the_report_counts_everything() -> None:
    lines = house.report().splitlines()
    titles = [line.partition(":")[0] for line in lines if not line.startswith(" ")]
    assert titles == [
        "rooms",
        "circles of imports",
        "arrows back between rooms",
        "biggest files",
        "names in mlmagic/engine",
    ]
    assert f"files: {len(list((TESTS.parent / 'mlmagic').rglob('*.py')))}," in lines[0]
    assert any(line.split()[0] == "core" for line in lines if line.startswith("  "))
    assert "  engine.py" in lines


def neighbours_imported(path: Path, text: str) -> list[str]:
    """What a file of tests imports of other rooms' tests, of test files and of conftests."""
    package = ["tests", *path.relative_to(TESTS).parent.parts]
    found = []
    for dots, module, names in IMPORT.findall(text):
        parts = [*(package[: len(package) - len(dots) + 1] if dots else []), *module.split(".")]
        for name in re.findall(r"\w+", names) if parts[0] == "tests" else []:
            _, room, *inner = [part for part in (*parts, name) if part]
            of_tests = any(part == "conftest" or part.startswith("test_") for part in (room, *inner))
            if of_tests or room not in ("support", "house", *package[1:2]):
                found.append(f"{path.relative_to(TESTS)}: {module}.{name}")
    return found


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("from tests.support.waiting import wait_for", 0),
        ("from tests.targets.contract import TargetContract", 0),
        ("from .contract import TargetContract", 0),
        ("from tests import house", 0),
        ("from pathlib import Path", 0),
        ("from tests.engine.helpers import x", 1),
        ("    from ..engine.helpers import x, y", 2),
        ("from .conftest import x", 1),
        ("from tests.targets import test_local", 1),
        ("from tests.targets.test_local import TestLocal", 1),
    ],
)
def test_an_import_of_a_neighbour_is_found(line: str, count: int) -> None:
    assert len(neighbours_imported(TESTS / "targets" / "test_fake.py", f"import os\n{line}\n")) == count


def test_tests_share_what_is_in_support_and_import_no_neighbour() -> None:
    files = sorted(TESTS.rglob("*.py"))
    assert [each for path in files for each in neighbours_imported(path, path.read_text("utf-8"))] == []
