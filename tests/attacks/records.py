"""What profiles, packages, batch jobs and builds of environments have left, and what contradicts itself."""

from __future__ import annotations

import os
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from mlmagic.core.environment import needs_of
from mlmagic.core.notify import silent
from mlmagic.core.package import Package, PackageKind, PackageState
from mlmagic.core.profile import Profile, ProfileState
from mlmagic.core.profile_record import profile_of
from mlmagic.engine.engine import Engine
from mlmagic.engine.environments.runtime import choose
from mlmagic.engine.environments.store import CACHE_VARIABLE, Store
from mlmagic.workspace import assets, temporary_work
from tests.attacks.verbs import BATCH_FILE, PACKAGES, Wish, batch_result, carry_out, environment
from tests.support.processes import processes_in
from tests.support.waiting import wait_for

SETTLING_SECONDS = 30.0
RETRY_SECONDS = 0.02
"""Cleaning up that has failed is tried again after so many seconds, so that the attack need not wait."""


def prepare(scratch: Path) -> None:
    """Let this process try again soon to clean up, and keep all its files in ``scratch``."""
    temporary_work.RETRY_SECONDS = RETRY_SECONDS
    tempfile.tempdir = str(scratch / "temporary")
    os.environ[CACHE_VARIABLE] = str(scratch / "cache")


def says_it_goes_on(engine: Engine) -> list[str]:
    """The records that say Running: nobody is at one, as all processes that began one have ended."""
    found = [each.name for each in engine.profiles.list() if each.state is ProfileState.RUNNING]
    found += [each.name for each in engine.packages.list() if each.state is PackageState.RUNNING]
    return [f"{name} says Running, and its process has ended" for name in found]


def faults(engine: Engine, scratch: Path, temporary: Path) -> list[str]:
    """Clean up, as a supervisor does, and name what is left."""
    found = []
    try:
        wait_for(lambda: _is_clean(engine), timeout=SETTLING_SECONDS)
    except AssertionError:
        with engine.memory.reading() as tx:
            found += [f"not cleaned up: {each}" for each in temporary_work.list_work(tx)]
    # The next package removes the files of those that were deleted.
    carry_out(engine, Wish("package", "package-next", ""), scratch)
    engine.packages.delete("package-next")
    found += [f"a temporary folder is left: {each.name}" for each in temporary.iterdir()]
    found += [f"a process is left: {process}" for process in processes_in(temporary)]
    needed = set()
    for package in _packages(engine):
        found += _without_reason(package.name, package.state, package.error)
        if package.state is PackageState.SUCCEEDED:
            needed.add(_folder_of(package, engine))
            if not Path(package.location).exists():
                found.append(f"package {package.name} has no files: {package.location}")
    folder = engine.memory.folder / "packages"
    found += [f"files of no package: {path.name}" for path in folder.iterdir() if path not in needed]
    for profile in _profiles(engine):
        found += _without_reason(profile.name, profile.state, profile.error)
    return found


def contents(engine: Engine, scratch: Path) -> dict[str, list[str]]:
    """The texts of what has succeeded, by name, the oldest first."""
    found: dict[str, list[str]] = {}
    for profile in _profiles(engine):
        if profile.state is ProfileState.SUCCEEDED:
            found.setdefault(profile.name, []).append(profile.plan.description)
    for package in _packages(engine):
        if package.state is PackageState.SUCCEEDED:
            found.setdefault(package.name, []).append(_text_of(package))
    for file in scratch.glob(f"batch/*/{BATCH_FILE}"):
        found[file.parent.name] = [_text_of_batch(file.read_text())]
    store = Store()
    for name in PACKAGES:
        key = _key_of(name, store)
        if store.is_built(key):
            found[name] = [_state_of(store.python(key), PACKAGES[name])]
    return found


def build_all(engine: Engine) -> list[str]:
    """Build each environment again, and evict all, which removes what killed builds have left.

    Names what is left over.
    """
    for name in PACKAGES:
        engine.environments.build(environment(name))
    engine.environments.evict(days=0.0)
    store = Store()
    if store.keys():
        return [f"not evicted: {store.keys()}"]
    left = store.root / ".building"
    try:
        # A program that a killed build has started may write on for a while.
        wait_for(lambda: not (store.evict(days=0.0) or list(left.iterdir())), timeout=SETTLING_SECONDS)
    except AssertionError:
        return [f"a half-built environment is left: {each}" for each in left.iterdir()]
    return []


def _key_of(name: str, store: Store) -> str:
    needs = needs_of(environment(name))
    specification = choose(needs, store, nearest=False, notify=silent, strictly=True).specification
    assert specification is not None
    return specification.key


def _state_of(python: Path, package: str) -> str:
    """Whether the environment has what was asked for."""
    code = f"import {package}, httptools, uvloop, orjson"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return "built" if done.returncode == 0 else f"broken: {done.stderr[-200:]}"


def _is_clean(engine: Engine) -> bool:
    engine.temporary_work.sweep(engine.supervision.lease_holder or "")
    with engine.memory.reading() as tx:
        return not temporary_work.list_work(tx)


def _without_reason(name: str, state: object, error: str) -> Iterator[str]:
    if state in (ProfileState.RUNNING, PackageState.RUNNING):
        yield f"{name} says Running after the cleaning up"
    elif state in (ProfileState.FAILED, ProfileState.CANCELED, PackageState.FAILED) and not error:
        yield f"{name} is {state} and does not say why"


def _packages(engine: Engine) -> list[Package]:
    with engine.memory.reading() as tx:
        return [Package.of(each.record) for each in assets.all_versions(tx, "package")]


def _profiles(engine: Engine) -> list[Profile]:
    with engine.memory.reading() as tx:
        return [profile_of(each.record) for each in assets.all_versions(tx, "profile")]


def _folder_of(package: Package, engine: Engine) -> Path:
    """The entry of the folder ``packages`` with the package's files."""
    folder = engine.memory.folder / "packages"
    return folder / Path(package.location).relative_to(folder).parts[0]


def _text_of(package: Package) -> str:
    """The first line of its script; empty if its files cannot be read, which `faults` names."""
    try:
        if package.kind is PackageKind.ZIP:
            with zipfile.ZipFile(package.location) as packed:
                script = packed.read("azureml-app/score.py").decode()
        else:
            script = (Path(package.location) / "azureml-app" / "score.py").read_text()
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        return f"unreadable: {error}"
    return script.partition("\n")[0].removeprefix("# ")


def _text_of_batch(result: str) -> str:
    text = result.partition("\n")[0].rpartition(" ")[0]
    return text if result == batch_result(text) else f"half written: {result!r}"
