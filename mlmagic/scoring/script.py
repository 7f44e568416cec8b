"""The user's entry script: loading it, calling init() and run(), and its tracebacks."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Literal

import orjson

from mlmagic.scoring.environment import COMPILED_MODELS, DEFINITIONS_FILE, SOURCE_DIRECTORY, hint_for
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.inputs.batches import MAX_ROWS, batch_of, check_stackable, separated
from mlmagic.scoring.inputs.modes import input_of, learner_of, schema_of
from mlmagic.scoring.inputs.parameters import NotAnEntryScript, Parameters
from mlmagic.scoring.outputs.json_encoder import encode
from mlmagic.scoring.shims.finder import install
from mlmagic.scoring.shims.flask_context import call_in_context, uses_flask
from mlmagic.scoring.shims.installed_schema import InstalledSchema, guarded

Phase = Literal["import", "init", "warmup", "run"]

_OURS = str(Path(__file__).parent)


class ScriptFailed(Exception):
    """The user's script failed; ``cause`` is what it raised."""

    phase: Phase

    def __init__(self, cause: BaseException, *, hint: str = "") -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.cause = cause
        self.hint = hint or hint_for(cause)

    def record(self) -> dict[str, str]:
        """For the report: what a reader needs to show it as the user's own error."""
        record = {
            "phase": self.phase,
            "type": type(self.cause).__name__,
            "message": str(self.cause),
            "traceback": user_traceback(self.cause),
        }
        return {**record, "hint": self.hint} if self.hint else record


class ImportFailed(ScriptFailed):
    """The script could not be imported, or is not an entry script."""

    phase = "import"


class InitFailed(ScriptFailed):
    """init() raised."""

    phase = "init"


class WarmupFailed(ScriptFailed):
    """run() raised, or refused, the script's own sample."""

    phase = "warmup"


class RunFailed(ScriptFailed):
    """run() raised."""

    phase = "run"


class UserScript:
    """A loaded entry script."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self._home = _home(module)
        self._run: Callable[..., object] = _driven(self._home).run
        self.parameters = Parameters.of(self._run)
        self.input = input_of(self._run, self.parameters)
        self.schema = schema_of(self._run) or learner_of(self.input)
        if isinstance(self.schema, InstalledSchema):
            self._run = guarded(self._run)
        self._prepare, self._perform = separated(self._run, self.input, self.schema)
        self.is_async = _is_async(self._run)
        self._in_flask = uses_flask(module)
        self.batch = 0
        """The most rows that one call may take; 0 if each request is a call of its own."""
        if declared := batch_of(self._run):
            self.batch_up(declared)

    @classmethod
    def load(cls, path: Path, *, as_main: bool = False, batch: bool = False) -> UserScript:
        """Import the file at ``path`` under its stem; with ``batch``, batched. Raises `ImportFailed`.

        With ``as_main`` it is also what `__main__` means, so that an object that was pickled in a
        notebook finds its class here.
        """
        try:
            if not path.is_file():
                raise FileNotFoundError(f"entry script not found: {str(path)!r}")
            install()
            script = cls(import_script(path, as_main))
            if batch and not script.batch:
                script.batch_up(MAX_ROWS)
            return script
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise ImportFailed(error, hint=_nearby(path)) from error

    def init(self) -> Any:
        """Call init(); what it returns is an awaitable if it is async. Raises `InitFailed`."""
        try:
            started = self._home.init()
            if self.batch:  # of a model it is known only now whether its requests can be stacked
                check_stackable(self.input, is_async=self.is_async)
            return started
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise InitFailed(error) from error

    @property
    def has_sample(self) -> bool:
        """Whether it shows something that may be a sample for `warm_up`."""
        return getattr(self._home, "warmup", None) is not None

    def warm_up(self) -> Any:
        """run() once with the script's own ``warmup`` sample; None if it has none. Raises `WarmupFailed`.

        ``warmup`` is a body (a dict, a list, text or bytes) or a function that makes one. What run()
        returns is returned; it is an awaitable if it `is_async`.
        """
        try:
            sample = _sample(self._home)
            if sample is None:
                return None
            body = (
                sample if isinstance(sample, bytes) else sample.encode() if isinstance(sample, str) else None
            )
            request = Request(
                b"POST",
                b"/score",
                {b"content-type": b"application/json"},
                encode(sample) if body is None else body,
            )
            if (learner := learner_of(self.input)) is not None:
                learner.learn(orjson.loads(request.body), learner.arguments(request))
            return self.call(request)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise WarmupFailed(error) from error

    def carry_over(self, old: UserScript, names: Iterable[str]) -> None:
        """Copy what init() of ``old`` has made: ``names`` of its module, or the state of its instance."""
        vars(self.module).update({name: vars(old.module)[name] for name in names})
        if self._home is not self.module and old._home is not old.module:
            vars(self._home).update(vars(old._home))

    def batch_up(self, max_rows: int) -> None:
        """Let several requests be one call. Raises `NotAnEntryScript` where that cannot be."""
        check_stackable(self.input, is_async=self.is_async)
        self.batch = max_rows

    def prepare(self, request: Request) -> dict[str, Any]:
        """The arguments of `perform`. Raises `BadInput`."""
        return self._prepare(request)

    def perform(self, arguments: Mapping[str, Any]) -> Any:
        """Call run() with what `prepare` has made, of one request or of several."""
        return self._perform(**arguments)

    def call(self, request: Request) -> Any:
        """Call run() with what its input mode makes of ``request``; an awaitable if it `is_async`.

        Raises `BadInput` for a request that does not fit, and lets through what run() raises.
        """
        arguments = self.input.arguments(request)
        if self._in_flask:
            return call_in_context(lambda: self._run(**arguments), request)
        return self._run(**arguments)


def _home(module: ModuleType) -> Any:
    """Where init() and run() are: the module, or an instance of its one class that has both."""
    if not any(callable(getattr(module, name, None)) for name in ("init", "run")):
        classes = [each for each in vars(module).values() if _is_entry_class(each, module)]
        if len(classes) == 1:
            return classes[0]()
        if classes:
            names = " and ".join(each.__name__ for each in classes)
            raise NotAnEntryScript(f"{names} both have init() and run(): an entry script has one such class")
    file = Path(module.__file__ or module.__name__).name
    for name, needs in (("init", "init()"), ("run", "run(data)")):
        if not callable(getattr(module, name, None)):
            raise NotAnEntryScript(f"{file} does not define {needs}, which an entry script must")
    return module


def _is_entry_class(value: object, module: ModuleType) -> bool:
    return (
        isinstance(value, type)
        and value.__module__ == module.__name__
        and all(callable(getattr(value, name, None)) for name in ("init", "run"))
    )


def _sample(home: Any) -> Any:
    """What a script shows as ``warmup``; scripts may use the name for something of their own."""
    found = getattr(home, "warmup", None)
    if callable(found):
        needed = [each for each in inspect.signature(found).parameters.values() if each.default is each.empty]
        found = None if needed else found()
    return found if isinstance(found, dict | list | str | bytes) else None


def user_traceback(error: BaseException) -> str:
    """The traceback as the user would see it had they called their script in its own folder."""
    text = "".join(traceback.format_exception(type(error), error, _user_frames(error.__traceback__)))
    folder = os.environ.get(SOURCE_DIRECTORY)
    return text.replace(f'File "{folder}{os.sep}', 'File "') if folder else text


def _user_frames(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    return frames


def _is_ours(filename: str) -> bool:
    return filename.startswith((_OURS, "<frozen importlib", "<frozen runpy"))


def import_script(path: Path, as_main: bool) -> ModuleType:
    """Import the file at ``path`` under its stem; with ``as_main`` it is what `__main__` means, too."""
    # A script called like a module that is in use (types.py) must not take its place.
    name = path.stem if path.stem not in sys.modules else f"mlmagic_entry_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_loader(name, path))
    if spec is None or spec.loader is None:
        raise NotAnEntryScript(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if as_main:
        module.__dict__["__mlmagic_main__"] = sys.modules.get("__main__")
        sys.modules["__main__"] = module
    _define_for_pickles(path)
    spec.loader.exec_module(module)
    return module


def _loader(name: str, path: Path) -> SourceFileLoader | None:
    """The loader of a script whose models are compiled; None for Python's own."""
    if not os.environ.get(COMPILED_MODELS):
        return None
    from mlmagic.scoring.compiled.hooks import install as use_compiled_models
    from mlmagic.scoring.compiled.script_imports import ScriptLoader, names_in

    has_models = use_compiled_models(Path(os.environ[COMPILED_MODELS]), names_in(path))
    return ScriptLoader(name, str(path)) if has_models else None


def _define_for_pickles(path: Path) -> None:
    """Define what the models' pickles need of a notebook; the script comes after, and may redefine it."""
    file = Path(os.environ.get(SOURCE_DIRECTORY) or path.parent) / DEFINITIONS_FILE
    if file.is_file():
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), vars(sys.modules["__main__"]))


def _driven(module: Any) -> Any:
    """The user's module behind a generated one, whose run(*args) would hide the parameters of theirs."""
    driven = getattr(module, "driver_module", None)
    return driven if isinstance(driven, ModuleType) and callable(getattr(driven, "run", None)) else module


def _is_async(run: Callable[..., object]) -> bool:
    return any(
        inspect.iscoroutinefunction(candidate) or inspect.isasyncgenfunction(candidate)
        for candidate in (run, inspect.unwrap(run), getattr(run, "__call__", None))  # noqa: B004
    )


def _nearby(path: Path) -> str:
    if path.is_file() or not path.parent.is_dir():
        return ""
    scripts = sorted(file.name for file in path.parent.glob("*.py"))[:8]
    return f"{path.parent.name} contains: {', '.join(scripts) or 'no Python file'}."
