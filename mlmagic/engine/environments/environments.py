"""Environments: register, find, compare, build and delete them. Curated environments are included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlmagic.core.curated import CURATED, CURATED_PREFIX, stand_in
from mlmagic.core.environment import needs_of
from mlmagic.core.environment_diff import Change, differences
from mlmagic.core.notify import Notify, silent
from mlmagic.engine.assets import Assets
from mlmagic.engine.environments.build import build as build_environment
from mlmagic.engine.environments.runtime import choose
from mlmagic.engine.environments.store import KEPT_DAYS, Store
from mlmagic.errors import NotFound, UsageError
from mlmagic.workspace import assets
from mlmagic.workspace.assets import Asset
from mlmagic.workspace.file_writing import with_remedy
from mlmagic.workspace.memory import Memory

KIND = "environment"


class Environments:
    """The environments of one workspace. A reference is ``NAME`` (the newest version) or ``NAME:VERSION``."""

    def __init__(self, memory: Memory, assets: Assets) -> None:
        self._memory, self._assets = memory, assets

    def register(self, name: str, record: Mapping[str, Any]) -> Asset:
        """Register an environment, as the JSON of Azure ML v1; returns the newest version if it is equal."""
        _refuse_curated(name)
        return self._assets.keep(KIND, name, record)

    def get(self, reference: str, version: str | int | None = None) -> Asset:
        """One version; raises `NotFound` with those there are.

        A name of Azure ML v1's own environments that is not registered gives what stands for it here.
        """
        name, _, named = reference.partition(":")
        version = version if version is not None else named or None
        version = None if version == "latest" else version
        if name in CURATED:
            if version is not None and str(version) != "1":
                raise NotFound(f"version of {KIND} {name!r}", str(version), ["1"])
            return _curated(name)
        try:
            return self._assets.get(KIND, name, version)
        except NotFound as error:
            if error.kind != KIND:
                raise
            if (azures := stand_in(name)) is not None:
                return Asset(KIND, name, 1, dict(azures), 0.0)
            raise NotFound(KIND, name, [*error.known, *CURATED]) from None

    def versions(self, name: str) -> list[int]:
        """Oldest first; empty for a name that was never registered."""
        return [1] if name in CURATED else self._assets.versions(KIND, name)

    def compare(self, old: str, new: str) -> tuple[Change, ...]:
        """What changed from one to the other."""
        return differences(*(needs_of(self.get(each).record) for each in (old, new)))

    def delete(self, names: Iterable[str]) -> None:
        """All versions of each, or nothing. Services that run on one have their own record of it.

        Raises `NotFound`; `UsageError` for a curated one.
        """
        wanted = list(dict.fromkeys(names))
        for name in wanted:
            _refuse_curated(name)
        with self._memory.writing() as tx:
            for name in wanted:
                assets.remove(tx, KIND, name)

    def runtime_summary(self, record: Mapping[str, Any]) -> str:
        """One sentence: which interpreter would run this environment here. Nothing is built."""
        store = Store()
        try:
            runtime = choose(needs_of(record), store, nearest=False, notify=silent)
        except UsageError as error:
            return str(error)
        if runtime.specification is None:
            return f"served by this interpreter, Python {runtime.version}: {runtime.python}"
        if store.is_built(runtime.specification.key):
            return f"built, on Python {runtime.version}: {runtime.python}"
        return f"not built yet: the first deploy builds it, on Python {runtime.version}"

    def build(
        self,
        record: Mapping[str, Any],
        *,
        nearest: bool = False,
        report: Notify = silent,
    ) -> Path:
        """Build a separate environment on this machine, unless it exists; returns its interpreter.

        It is built even if this interpreter has every package. Raises `BuildFailed` with the resolver's
        message, `UsageError` for what is known to be impossible before the build.
        """
        store = Store()
        runtime = choose(needs_of(record), store, nearest=nearest, notify=report, strictly=True)
        if runtime.specification is None:
            return Path(runtime.python)
        return build_environment(runtime.specification, store, report)

    def evict(self, days: float = KEPT_DAYS) -> list[str]:
        """Delete the built environments that no service uses and that were not used for ``days`` days."""
        store = Store()
        with with_remedy(store.root):
            return store.evict(days)

    def list(self, *, curated: bool = True) -> list[Asset]:
        """The newest version of each environment, sorted by name, then the curated ones."""
        return [*self._assets.list(KIND), *(map(_curated, CURATED) if curated else ())]


def _curated(name: str) -> Asset:
    return Asset(KIND, name, 1, dict(CURATED[name]), 0.0)


def _refuse_curated(name: str) -> None:
    if name.lower().startswith(CURATED_PREFIX):
        raise UsageError(
            f"environment name {name!r} begins with {CURATED_PREFIX!r}, which is for the curated ones",
            hint="Register it under another name.",
        )
