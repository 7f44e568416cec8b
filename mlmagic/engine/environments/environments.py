"""The engine's verbs for environments: keep, find, compare, make, delete. Curated ones are found as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlmagic.core.curated import CURATED, CURATED_PREFIX
from mlmagic.core.environment import needs_of
from mlmagic.core.environment_diff import Change, differences
from mlmagic.engine.asset_verbs import AssetVerbs
from mlmagic.engine.environments.build import build
from mlmagic.engine.environments.place import choose
from mlmagic.engine.environments.store import KEPT_DAYS, Store
from mlmagic.engine.model_verbs import Notify, silent
from mlmagic.errors import NotFound, UsageError
from mlmagic.workspace import assets
from mlmagic.workspace.assets import Asset

KIND = "environment"


class EnvironmentVerbs(AssetVerbs):
    """What can be done with environments. A reference is ``NAME`` (the newest) or ``NAME:VERSION``."""

    def keep_environment(self, name: str, record: Mapping[str, Any]) -> Asset:
        """Register an environment, as the documents' JSON: the newest version if that says the same."""
        _refuse_curated(name)
        return self.keep_asset(KIND, name, record)

    def environment(self, reference: str, version: str | int | None = None) -> Asset:
        """One version; raises `NotFound` with those there are."""
        name, _, named = reference.partition(":")
        version = version if version is not None else named or None
        version = None if version == "latest" else version
        if name in CURATED:
            if version is not None and str(version) != "1":
                raise NotFound(f"version of {KIND} {name!r}", str(version), ["1"])
            return _curated(name)
        try:
            return self.asset(KIND, name, version)
        except NotFound as error:
            if error.kind != KIND:
                raise
            raise NotFound(KIND, name, [*error.known, *CURATED]) from None

    def environments(self, *, curated: bool = True) -> list[Asset]:
        """The newest version of each, by name, and the curated ones."""
        return [*self.assets(KIND), *(map(_curated, CURATED) if curated else ())]

    def environment_versions(self, name: str) -> list[int]:
        """Oldest first; empty for a name that was never registered."""
        return [1] if name in CURATED else self.asset_versions(KIND, name)

    def compare_environments(self, old: str, new: str) -> tuple[Change, ...]:
        """What changed from one to the other."""
        return differences(*(needs_of(self.environment(each).record) for each in (old, new)))

    def forget_environments(self, names: Iterable[str]) -> None:
        """All versions of each, or nothing. Services that run on one have their own record of it.

        Raises `NotFound`; `UsageError` for a curated one.
        """
        wanted = list(dict.fromkeys(names))
        for name in wanted:
            _refuse_curated(name)
        with self.memory.writing() as tx:
            for name in wanted:
                assets.remove(tx, KIND, name)

    def where_it_runs(self, record: Mapping[str, Any]) -> str:
        """What would run a service of this environment on this machine, in words; nothing is made."""
        store = Store()
        try:
            place = choose(record, store, nearest=False, notify=silent)
        except UsageError as error:
            return str(error)
        if place.specification is None:
            return f"served by the interpreter there is, Python {place.version}: {place.python}"
        if store.is_built(place.specification.key):
            return f"made, on Python {place.version}: {place.python}"
        return f"not made yet: the first deploy makes it, on Python {place.version}"

    def build_environment(
        self,
        record: Mapping[str, Any],
        *,
        nearest_python: bool = False,
        report: Notify = silent,
    ) -> Path:
        """Make an environment of its own on this machine, unless it is there; returns its interpreter.

        Where this interpreter has all of it, it is made all the same. Raises `BuildFailed` with the
        resolver's words, `UsageError` for what can be known before.
        """
        store = Store()
        place = choose(record, store, nearest=nearest_python, notify=report, strictly=True)
        if place.specification is None:
            return Path(place.python)
        return build(place.specification, store, report)

    def evict_environments(self, days: float = KEPT_DAYS) -> list[str]:
        """Remove the realised environments that no service uses and nobody used for ``days``."""
        return Store().evict(days)


def _curated(name: str) -> Asset:
    return Asset(KIND, name, 1, dict(CURATED[name]), 0.0)


def _refuse_curated(name: str) -> None:
    if name.lower().startswith(CURATED_PREFIX):
        raise UsageError(
            f"environment name {name!r} begins with {CURATED_PREFIX!r}, which is for the curated ones",
            hint="Register it under another name.",
        )
