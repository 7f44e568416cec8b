"""Live reload: new source replaces that of a script while it is served.

The new source runs in a module of its own. Where init() and what it uses are as they were, what the old
one has made is carried over; else init() runs again. Requests that are in run() finish on the old code. The
new code's own sample is tried while no other call is in progress: both may share what init() has made. If
anything fails, the old code goes on.
"""

from __future__ import annotations

import asyncio
import inspect
import linecache
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import FunctionType, ModuleType
from typing import Any

from mlmagic.scoring.calls.scorer import Scorer
from mlmagic.scoring.control import Command
from mlmagic.scoring.data_frame_detection import answer_once
from mlmagic.scoring.reload.changes import defined, init_uses
from mlmagic.scoring.script import ImportFailed, InitFailed, ScriptFailed, UserScript, WarmupFailed


@dataclass(frozen=True)
class Version:
    """The source of a script at one time, and the files beside it."""

    source: str
    uses: dict[str, str]
    defined: frozenset[str]
    beside: dict[str, tuple[int, int]]

    @classmethod
    def of(cls, path: Path) -> Version:
        """Raises SyntaxError, ValueError, OSError."""
        source = path.read_text(encoding="utf-8")
        return cls(source, init_uses(source), frozenset(defined(source)), _modules_beside(path))

    def init_finds_the_same(self, before: Version) -> bool:
        return (self.uses, self.beside) == (before.uses, before.beside)

    def state_names(self, variables: Mapping[str, object]) -> list[str]:
        """Of a module's variables, those that hold what init() has made, or has made use of."""
        made_later = [name for name in variables if name not in self.defined and not name.startswith("__")]
        return made_later + [
            name
            for name in self.uses
            if name in variables and not isinstance(variables[name], FunctionType | ModuleType | type)
        ]

    def forget_changed(self, before: Version) -> None:
        """Modules whose files have changed are to be imported anew."""
        for name, module in list(sys.modules.items()):
            file = str(getattr(module, "__file__", "") or "")
            if file in before.beside and self.beside.get(file) != before.beside[file]:
                del sys.modules[name]


class Reloader:
    """Reloads the script of ``scorer``, one reload at a time; ``use`` puts the new one in its place."""

    def __init__(self, scorer: Scorer, path: Path, use: Callable[[UserScript], None]) -> None:
        self._scorer = scorer
        self._script = scorer.script
        self._path = path
        self._runner = scorer.runner
        self._use = use
        self._lock = asyncio.Lock()
        self._version = Version.of(path)

    async def handle(self, command: Command) -> tuple[dict[str, Any], list[int]]:
        """Reload; ``{"init": whether it ran, "ms": how long it took}``, or ``{"error": record}``."""
        async with self._lock:
            start = perf_counter()
            try:
                ran = await self._reload()
            except ScriptFailed as error:
                return {"error": error.record()}, []
            answer_once()  # the new script may have imported scikit-learn
            return {"init": ran, "ms": round((perf_counter() - start) * 1000, 3)}, []

    async def _reload(self) -> bool:
        try:
            version = Version.of(self._path)
            same = version.init_finds_the_same(self._version)
            # On the script's thread, as at the start. Scoring requests wait meanwhile; all others do not.
            new = await self._runner.run(lambda: self._load(version, same))
        except (SyntaxError, ValueError, OSError) as error:
            raise ImportFailed(error) from error
        if not same:
            await self._perform(new.init, InitFailed)
        try:
            async with self._scorer.quiet() if new.has_sample else nullcontext():
                await self._perform(new.warm_up, WarmupFailed)
                self._version, self._script = version, new
                self._use(new)
        except TimeoutError as error:
            raise WarmupFailed(error) from error
        return not same

    def _load(self, version: Version, same: bool) -> UserScript:
        old = self._script
        module = ModuleType(old.module.__name__)
        module.__file__ = str(self._path)
        module.__spec__ = old.module.__spec__
        places = [name for name in (module.__name__, "__main__") if sys.modules.get(name) is old.module]
        if not same:
            version.forget_changed(self._version)
        linecache.checkcache(str(self._path))
        for place in places:
            sys.modules[place] = module
        try:
            # Not by the import system: it would trust a compiled file that is as old and as long.
            exec(compile(version.source, str(self._path), "exec", dont_inherit=True), module.__dict__)
            script = UserScript(module)
            if old.batch and not script.batch:
                script.batch_up(old.batch)
        except BaseException as error:
            for place in places:
                sys.modules[place] = old.module
            raise ImportFailed(error) from error
        if same:
            script.carry_over(old, self._version.state_names(vars(old.module)))
        return script

    async def _perform(self, function: Any, failure: type[ScriptFailed]) -> None:
        result = await self._runner.run(function)
        if inspect.isawaitable(result):
            try:
                await result
            except BaseException as error:
                raise failure(error) from error


def _modules_beside(path: Path) -> dict[str, tuple[int, int]]:
    """The other Python files there, with what tells their versions apart."""
    return {
        str(file): (file.stat().st_mtime_ns, file.stat().st_size)
        for file in sorted(path.parent.rglob("*.py"))
        if "__pycache__" not in file.parts and file != path
    }
