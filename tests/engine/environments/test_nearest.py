"""Pins that cannot be installed: which they are, and the nearest versions that can. With the real uv."""

from __future__ import annotations

import platform
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlmagic.core.replacements import (
    Pin,
    Replacement,
    pin_of,
    replaced,
    replacements_of,
    with_replacements,
)
from mlmagic.engine.environments import nearest, unavailable_pins
from mlmagic.engine.environments.build import build
from mlmagic.engine.environments.pythons import this_interpreter
from mlmagic.engine.environments.specification import Specification
from mlmagic.engine.environments.store import Store
from mlmagic.errors import BuildFailed
from tests.support import wheels

PYTHON = ".".join(platform.python_version_tuple()[:2])
NO_BUILD = f"has no build for Python {PYTHON}"


@pytest.mark.parametrize(
    ("line", "pin"),
    [
        ("scikit-learn==0.20.0", Pin("scikit-learn", "0.20.0")),
        ("grpcio [x, y] == 1.2.* ; sys_platform == 'linux'", None),
        ("a[x]==1.2.*; extra == 'x'", Pin("a", "1.2.*", "[x]", "; extra == 'x'")),
        ("torch===2.1.0+cpu", Pin("torch", "2.1.0+cpu")),
        ("numpy>=1.2", None),
        ("numpy==1.2,!=1.3", None),
        ("numpy~=1.2", None),
        ("numpy", None),
        ("https://example.org/x.whl", None),
        ("--pre", None),
    ],
)
def test_what_a_pin_is(line: str, pin: Pin | None) -> None:
    if "[x, y]" in line:
        pin = Pin("grpcio", "1.2.*", "[x, y]", "; sys_platform == 'linux'")
    assert pin_of(line) == pin


def test_the_used_versions_stand_in_the_place_of_the_pins() -> None:
    beside = ("n==1.2", "m==3")
    used = (
        Replacement("a-b", "1.0", "2.0", "r", beside=beside),
        Replacement("c", "1.*", "3.1", "r", beside=beside),
    )
    lines = (
        "A_b[x]==1.0 ; python_version > '3'",
        "c==1.*",
        "c==1.0",
        "d==1.0",
        "e>=1",
        "https://e.org/f.whl",
    )
    assert replaced(lines, used) == (
        "A_b[x]==2.0 ; python_version > '3'",
        "c==3.1",
        *lines[2:],
        *beside,
    )
    assert replaced(("d==1.0",), used) == ("d==1.0",)
    record = with_replacements({"name": "n"}, used)
    assert replacements_of(with_replacements(record, used)) == used
    assert with_replacements({"name": "n"}, ()) == {"name": "n"}


@pytest.mark.parametrize(
    ("pin", "later", "earlier"),
    [
        ("a==1.0", "a>=1.0", "a<1.0"),
        ("a[x]==1.2.* ; m", "a[x]>=1.2 ; m", "a[x]<1.2 ; m"),
        ("a==1.0+cpu", "a>=1.0", "a<1.0"),
    ],
)
def test_the_ranges_of_later_and_earlier_versions(pin: str, later: str, earlier: str) -> None:
    found = pin_of(pin)
    assert found is not None
    assert unavailable_pins.ranges(found) == (later, earlier)


def test_the_replacements_are_read_off_the_resolution() -> None:
    old, gone, held = Pin("old", "1.0"), Pin("Gone", "2.*"), "held==1.0"
    lines = ["old==1.0", "Gone==2.*", held, "free>=1", "kept==1.*"]
    unavailable = [
        unavailable_pins.Unavailable(old, "x", nearest="1.5"),
        unavailable_pins.Unavailable(gone, "y", "is one", "1.9"),
    ]
    assert unavailable_pins.widened(lines, unavailable) == ["old>=1.0", "Gone==1.9"]
    resolved = ["old==1.6", "gone==1.9", "held==1.1", "free==3", "kept==1.7", "more==1"]
    assert unavailable_pins.replacements_in(resolved, lines, unavailable) == [
        Replacement("old", "1.0", "1.6", "x"),
        Replacement("gone", "2.*", "1.9", "y", "is one"),
        Replacement("held", "1.0", "1.1", unavailable_pins.CONFLICT, unavailable_pins.FITTING),
    ]
    assert unavailable_pins.constraints_of(
        ["a[x]==1 ; python_version > '3'", "b", "./c", "d @ https://e.org/d.whl"]
    ) == ['a==1 ; python_version > "3"']


@pytest.mark.parametrize(
    ("pin", "by"),
    [
        ("joblib==0.13.2", "joblib>=1.3"),
        ("joblib==1.*", None),
        ("joblib==0.*", "joblib>=1.3"),
        ("Job-lib==0.1", None),
    ],
)
def test_a_pin_that_the_scoring_server_excludes(pin: str, by: str | None) -> None:
    found = pin_of(pin)
    assert found is not None
    assert unavailable_pins.excluded(found, ("orjson>=3.9", "joblib>=1.3")) == by


def test_the_day_of_the_newest_release() -> None:
    lock = """
        [[packages]]
        name = "Old_lib"
        sdist = { url = "x", upload-time = 2022-10-26T14:34:12Z }
        wheels = [{ url = "y", upload-time = 2022-10-27T14:34:12Z }, { url = "z" }]
        [[packages]]
        name = "numpy"
        sdist = { url = "x", upload-time = 2026-10-26T14:34:12Z }
    """
    assert unavailable_pins.released(lock, ["old-lib"]) == datetime(2022, 10, 27, 14, 34, 12, tzinfo=UTC)
    assert unavailable_pins.released(lock, ["other"]) is None
    assert unavailable_pins.released("no = toml = at all", ["numpy"]) is None


# ---- with a local index -----------------------------------------------------------------------------


@pytest.fixture
def index(tmp_path: Path) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    wheels.source(folder, "oldlib", "1.0", builds=False)
    wheels.source(folder, "oldlib", "1.1", builds=False)
    wheels.wheel(folder, "oldlib", "2.0")
    wheels.wheel(folder, "oldlib", "3.0", "helper>=2")
    wheels.source(folder, "purelib", "1.0", builds=True)
    wheels.wheel(folder, "purelib", "2.0")
    wheels.foreign_wheel(folder, "foreign", "5.0")
    wheels.wheel(folder, "foreign", "4.0")
    wheels.wheel(folder, "foreign", "3.0")
    wheels.foreign_wheel(folder, "lost", "1.0")
    wheels.source(folder, "picky", "1.0", builds=False)
    wheels.wheel(folder, "picky", "2.0", "helper>=2")
    wheels.wheel(folder, "helper", "1.0")
    wheels.wheel(folder, "helper", "2.0")
    return folder


def find(index: Path, *lines: str) -> nearest.Findings:
    options = ("--no-index", f"--find-links {index}")
    place = nearest.Place(PYTHON, sys.executable, options=options)
    return nearest.find(lines, place, threading.Event())


def used(found: nearest.Findings) -> list[tuple[str, str, str]]:
    return [(each.package, each.wanted, each.used) for each in found.replacements]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("lines", "replacements"),
    [
        (("oldlib==1.0",), [("oldlib", "1.0", "2.0")]),
        (("oldlib==1.*",), [("oldlib", "1.*", "2.0")]),
        # A source distribution that can be built stays, and so do all others.
        (("purelib==1.0", "oldlib==1.0", "helper==1.0"), [("oldlib", "1.0", "2.0")]),
        # Without a later version, the highest earlier one.
        (("foreign==5.0", "oldlib==1.1"), [("foreign", "5.0", "4.0"), ("oldlib", "1.1", "2.0")]),
        # A pin that the nearest version excludes goes with it.
        (("picky==1.0", "helper==1.0"), [("picky", "1.0", "2.0"), ("helper", "1.0", "2.0")]),
        (("purelib==1.0", "helper>=1"), []),
    ],
)
def test_only_the_pins_that_fail_are_replaced(
    index: Path, lines: tuple[str, ...], replacements: list[tuple[str, str, str]]
) -> None:
    assert used(find(index, *lines)) == replacements


@pytest.mark.processes
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("oldlib==1.0", f"oldlib 1.0 {NO_BUILD}; the nearest that has one is 2.0: write oldlib==2.0"),
        ("foreign==5.0", f"foreign 5.0 {NO_BUILD}; the nearest that has one is 4.0: write foreign==4.0"),
        ("lost==1.0", f"lost 1.0 {NO_BUILD}, and neither has any other version"),
        (
            "oldlib==1.7",
            "oldlib 1.7 does not exist in the package index; the nearest version is 2.0: write oldlib==2.0",
        ),
        (
            "oldlib==9.*",
            "oldlib 9.* does not exist in the package index; the nearest version is 3.0: write oldlib==3.0",
        ),
        ("nothing==1.0", "nothing 1.0 does not exist in the package index"),
    ],
)
def test_each_pin_is_explained_in_one_line(index: Path, line: str, words: str) -> None:
    found = find(index, line)
    assert [each.words for each in found.unavailable] == [words]
    assert found.error().message == f"the environment cannot be built: {words}"
    assert ("--nearest" in found.error().hint) == ("nearest that has one" in words)


@pytest.mark.processes
def test_an_index_that_cannot_be_reached_says_nothing_of_a_pin() -> None:
    place = nearest.Place(PYTHON, sys.executable, options=("--index-url http://127.0.0.1:9/simple",))
    assert nearest.find(["oldlib==1.0"], place, threading.Event()) == nearest.Findings()


@pytest.mark.processes
def test_a_pin_gives_way_to_the_scoring_server(index: Path) -> None:
    place = nearest.Place(
        PYTHON, sys.executable, options=("--no-index", f"--find-links {index}"), server=("helper>=2",)
    )
    found = nearest.find(["helper==1.0", "purelib==1.0"], place, threading.Event())
    line = "helper 1.0 excludes helper>=2, which the scoring server needs"
    assert [each.words for each in found.replacements] == [
        f"{line}; serving with 2.0 (the nearest that fits)"
    ]
    assert found.error().message.endswith(f"{line}; the nearest that fits is 2.0: write helper==2.0")


def of(index: Path, *lines: str, accepted: bool) -> Specification:
    # The scoring server's packages come from the index of this machine.
    return Specification(this_interpreter(), lines, (f"--find-links {index}",), nearest=accepted)


@pytest.mark.processes
def test_an_environment_is_built_with_the_nearest_versions(index: Path, tmp_path: Path) -> None:
    store, said = Store(tmp_path / "environments"), list[str]()
    wanted = of(index, "oldlib==1.0", "purelib==1.0", accepted=True)
    python = build(wanted, store, said.append)
    line = f"oldlib 1.0 {NO_BUILD}; serving with 2.0 (the nearest that has one)"
    assert [each for each in said if "serving with" in each] == [line]
    assert [each.words for each in store.replacements(wanted.key)] == [line]
    code = "import oldlib, purelib, orjson; print(oldlib.__version__, purelib.__version__)"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2.0", "1.0"]


@pytest.mark.processes
def test_what_fits_as_it_is_written_is_not_replaced(index: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "environments")
    wanted = of(index, "purelib==1.0", accepted=True)
    build(wanted, store)
    assert store.replacements(wanted.key) == ()


@pytest.mark.processes
@pytest.mark.parametrize("accepted", [False, True])
def test_what_is_not_accepted_or_does_not_exist_is_refused_in_one_line(
    index: Path, tmp_path: Path, accepted: bool
) -> None:
    store = Store(tmp_path / "environments")
    line = "oldlib==1.7" if accepted else "oldlib==1.0"
    with pytest.raises(BuildFailed) as caught:
        build(of(index, line, accepted=accepted), store)
    assert "\n" not in caught.value.message
    assert caught.value.message.startswith(f"the environment cannot be built: {line.replace('==', ' ')} ")
    assert caught.value.log == ""
    assert store.keys() == []
