"""The folder of realised environments."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from mlmagic.engine.environments.pythons import Interpreter
from mlmagic.engine.environments.specification import Specification
from mlmagic.engine.environments.store import Store, cache_folder

ONE = Specification(Interpreter(sys.executable, "3.11.7"), ("six",))
DAY = 86400


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "Größe x" / "environments")


def made(store: Store, specification: Specification = ONE) -> str:
    with store.lock(specification.key), store.draft(specification) as folder:
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(specification.python.path)
    return specification.key


def test_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLMAGIC_CACHE", str(tmp_path / "c"))
    assert cache_folder() == tmp_path / "c"
    monkeypatch.delenv("MLMAGIC_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder().name == "mlmagic"


def test_the_path_is_known_before_it_is_made(store: Store) -> None:
    python = store.python(ONE.key)
    assert store.key_of(str(python)) == ONE.key
    assert not store.is_built(ONE.key)
    assert made(store) == ONE.key
    assert store.is_built(ONE.key)
    assert python.resolve() == Path(sys.executable).resolve()
    assert store.keys() == [ONE.key]


@pytest.mark.parametrize("python", ["/usr/bin/python3", "relative/bin/python", "/x/y/bin/python"])
def test_other_interpreters_are_not_ours(store: Store, python: str) -> None:
    assert store.key_of(python) is None


def test_what_a_key_stands_for_is_remembered(store: Store) -> None:
    assert store.wanted(ONE.key) is None
    assert store.want(ONE) == ONE.key
    assert store.wanted(ONE.key) == ONE


def test_nobody_else_may_read_it(store: Store) -> None:
    store.want(ONE)
    assert store.root.stat().st_mode & 0o077 == 0


def test_condas_is_made_in_its_place(store: Store) -> None:
    specification = Specification(ONE.python, (), conda_packages=("six",))
    with store.lock(specification.key), store.draft(specification) as folder:
        assert folder == store.folder(specification.key)
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(sys.executable)
        assert not store.is_built(specification.key)
    assert store.is_built(specification.key)


def test_a_failed_making_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.lock(ONE.key), store.draft(ONE) as folder:
            folder.mkdir()
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert not store.is_built(ONE.key)
    assert list((store.root / ".building").iterdir()) == []


def test_what_a_killed_making_left_is_cleared_by_the_next(store: Store) -> None:
    left = store.root / ".building" / f"{ONE.key}-dead"
    left.mkdir(parents=True)
    made(store)
    assert not left.exists()


def test_one_whose_interpreter_has_gone_is_made_again(store: Store, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    specification = Specification(Interpreter(str(python), "3.11.7"), ())
    made(store, specification)
    python.unlink()
    assert not store.is_built(specification.key)
    python.symlink_to(sys.executable)
    made(store, specification)
    assert store.is_built(specification.key)


def test_a_lock_keeps_others_out(store: Store) -> None:
    with store.lock("k") as held:
        assert held
        with store.lock("k", wait=False) as second:
            assert not second
        given_up = threading.Event()
        given_up.set()
        with store.lock("k", given_up=given_up) as third:
            assert not third
    with store.lock("k", wait=False) as again:
        assert again


def test_what_is_used_or_was_used_lately_is_kept(store: Store, tmp_path: Path) -> None:
    key = made(store)
    store.want(ONE)
    run_dir = tmp_path / "r1"
    run_dir.mkdir()
    store.note_use(key, str(run_dir))
    assert store.users(key) == [str(run_dir)]
    assert store.evict(0) == []
    run_dir.rmdir()
    assert store.users(key) == []
    assert store.evict(1) == []
    old = time.time() - 2 * DAY
    os.utime(store.folder(key) / "mlmagic.json", (old, old))
    with store.lock(key):
        assert store.evict(1) == [], "somebody is at it"
    assert store.evict(1) == [key]
    assert (store.keys(), store.wanted(key)) == ([], None)


def test_what_a_killed_build_has_left_is_removed_and_a_build_under_way_is_not(store: Store) -> None:
    left, under_way = (store.root / ".building" / name for name in ("other-dead", f"{ONE.key}-live"))
    left.mkdir(parents=True)
    with store.lock(ONE.key):
        under_way.mkdir()
        store.evict()
        assert [left.exists(), under_way.exists()] == [False, True]
    store.evict()
    assert not under_way.exists()


def test_the_server_is_laid_out_once(store: Store) -> None:
    place = store.server()
    assert (place / "mlmagic" / "scoring" / "server.py").is_file()
    assert not (place / "mlmagic" / "engine").exists()
    assert store.server() == place
    assert [each.name for each in place.parent.iterdir()] == [place.name]
