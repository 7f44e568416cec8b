"""Which interpreters there are, and which one an environment gets."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mlmagic.engine.environments import uv
from mlmagic.engine.environments.pythons import (
    Interpreter,
    choose,
    inspect_interpreter,
    interpreters,
    this_interpreter,
)
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
        "Python on this machine not found: '3.14'. On this machine are 3.13.0, 3.12.4, 3.11.7. "
        "--nearest takes the nearest."
    )


def test_one_that_is_too_old_for_the_server_is_told() -> None:
    with pytest.raises(InvalidConfig) as caught:
        choose("3.9", OWN, THERE, nearest=False)
    assert "Python '3.9' is older than the scoring server runs on, which is 3.11" in str(caught.value)


@pytest.mark.processes
def test_the_machines_own_are_found() -> None:
    found = interpreters()
    assert this_interpreter() in found
    assert all(Path(each.path).is_file() for each in found)
    assert [each.minor for each in found] == sorted((each.minor for each in found), reverse=True)
    assert interpreters() == found


def fake_uv(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "uv"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(uv, "find", lambda: str(program))


def test_uv_lists_those_that_packages_are_made_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [
        {"version": "3.14.0", "implementation": "cpython", "variant": "freethreaded", "path": "/bin/t"},
        {"version": "3.13.1", "implementation": "cpython", "path": "/somewhere/a"},
        {"version": "3.13.1", "implementation": "cpython", "variant": "default", "path": "/somewhere/b"},
        {"version": "3.11.13", "implementation": "pypy", "variant": "default", "path": "/somewhere/c"},
        {"version": "3.9.2", "implementation": "cpython", "variant": "default", "path": "/somewhere/d"},
    ]
    (tmp_path / "list").write_text(json.dumps(listed))
    fake_uv(tmp_path, monkeypatch, f'echo "$@ $PATH" >{tmp_path}/seen; cat {tmp_path}/list; echo warning >&2')
    pyenv = tmp_path / "pyenv"
    (pyenv / "versions" / "3.12.1" / "bin").mkdir(parents=True)
    monkeypatch.setenv("PYENV_ROOT", str(pyenv))
    monkeypatch.setenv("PATH", f"{pyenv}/shims:/usr/bin:/bin")
    monkeypatch.setenv("UV_PYTHON", "3.9")
    own = this_interpreter()
    expected = [Interpreter("/somewhere/a", "3.13.1"), own, Interpreter("/somewhere/d", "3.9.2")]
    assert sorted(interpreters(), key=lambda each: each.path) == sorted(expected, key=lambda each: each.path)
    seen = (tmp_path / "seen").read_text()
    assert "python list --only-installed" in seen
    assert seen.endswith(f" /usr/bin:/bin:{pyenv}/versions/3.12.1/bin\n")


@pytest.mark.parametrize("script", ["exit 2", "echo no JSON", None])
def test_without_uv_there_is_only_our_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    if script is not None:
        fake_uv(tmp_path, monkeypatch, script)
    else:
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        monkeypatch.setenv("PATH", str(tmp_path))
    assert interpreters() == [this_interpreter()]


@pytest.mark.processes
def test_a_virtual_environments_interpreter_says_what_it_is_made_from(tmp_path: Path) -> None:
    assert inspect_interpreter(sys.executable) == this_interpreter()
    nothing = tmp_path / "python3"
    nothing.write_text("#!/bin/sh\nexit 1\n")
    nothing.chmod(0o755)
    assert inspect_interpreter(str(nothing)) is None
