"""Tab completion in a magic's line: options, and the names of models, services, scripts, targets, files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from mlmagic.core.model import FRAMEWORKS
from mlmagic.errors import MLMagicError
from mlmagic.magics.session import MLMagic

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine

Matcher = Callable[[CompletionContext], SimpleMatcherResult]

# What each option or position is filled with; the rest are the user's own words.
_KINDS = {
    "model": "models",
    "script": "scripts",
    "entry_script": "files",
    "source_directory": "files",
    "target": "targets",
    "framework": "frameworks",
    "write": "files",
    "carry": "variables",
}
_POSITIONS = {
    "register": "variables",
    "models": "model_names",
    "deploy": "service_ideas",
    "update": "services",
    "score": "services",
    "logs": "services",
    "delete": "services",
    "score_script": "model_names",
    "workspace": "files",
}


class Completion:
    """One matcher for all our magics."""

    def __init__(self, session: MLMagic, groups: Iterable[Any]) -> None:
        self._session = session
        self._parsers: dict[str, argparse.ArgumentParser] = {}
        for group in groups:
            for kind in ("line", "cell"):
                for name, method in group.magics[kind].items():
                    bound = getattr(group, method) if isinstance(method, str) else method
                    self._parsers[name] = bound.parser
        # A bound method is made anew at each look-up; the shell's list needs one object.
        self.match = self._matcher()

    def _matcher(self) -> Matcher:
        @context_matcher(identifier="mlmagic")
        def match(context: CompletionContext) -> SimpleMatcherResult:
            line = context.line_with_cursor[: context.cursor_position] if context.cursor_line == 0 else ""
            found = self.complete(line)
            word = "" if line[-1:].isspace() else (line.split() or [""])[-1]
            return {
                "completions": [SimpleCompletion(text, type="mlmagic") for text in found],
                "matched_fragment": word,
                "suppress": bool(found),
            }

        return cast("Matcher", match)

    def complete(self, line: str) -> list[str]:
        """Completions of the last word of ``line``, which ends at the cursor; empty if it is not ours."""
        magic, words = _magic_of(line)
        parser = self._parsers.get(magic)
        if parser is None or not words:
            return []
        current, before = words[-1], words[:-1]
        if current.startswith("-"):
            return sorted(option for option in _options(parser) if option.startswith(current))
        kind = _kind(parser, magic, before)
        return [text for text in self._candidates(kind) if text.startswith(current)] if kind else []

    def _candidates(self, kind: str) -> list[str]:
        sources: Mapping[str, Callable[[], Iterable[str]]] = {
            "models": self._model_ids,
            "model_names": lambda: dict.fromkeys(name.partition(":")[0] for name in self._model_ids()),
            "services": self._service_names,
            "service_ideas": lambda: [*self._session.script_names, *self._service_names()],
            "scripts": lambda: self._session.script_names,
            "targets": self._targets,
            "frameworks": lambda: FRAMEWORKS,
            "variables": self._variables,
            "files": _files,
        }
        try:
            return list(sources[kind]())
        except MLMagicError:
            return []

    def _model_ids(self) -> list[str]:
        engine = self._opened()
        if engine is None:
            return []
        found = [model.id for model in engine.models()]
        return [*dict.fromkeys(name.partition(":")[0] for name in found), *found]

    def _service_names(self) -> list[str]:
        engine = self._opened()
        return [] if engine is None else [service.name for service in engine.services()]

    def _opened(self) -> Engine | None:
        """The engine, opened only where that makes nothing new."""
        return self._session.engine if self._session.opened is None and _exists() else self._session.opened

    def _targets(self) -> list[str]:
        from mlmagic.targets.registry import names

        return names()

    def _variables(self) -> list[str]:
        hidden = self._session.shell.user_ns_hidden
        return sorted(n for n in self._session.namespace if not n.startswith("_") and n not in hidden)


def _magic_of(line: str) -> tuple[str, list[str]]:
    """``svc = %deploy a -m `` as ("deploy", ["a", "-m", ""]): the last word is the one being typed."""
    _, percent, rest = line.partition("%")
    words = rest.lstrip("%").split()
    if not percent or not words:
        return "", []
    if line[-1].isspace():
        words.append("")
    return words[0], words[1:]


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [
        option for action in parser._actions for option in action.option_strings if option.startswith("--")
    ]


def _kind(parser: argparse.ArgumentParser, magic: str, before: Sequence[str]) -> str | None:
    """What stands at this place: the value of the option before it, or a position."""
    last = before[-1] if before else ""
    for action in parser._actions:
        if last in action.option_strings and action.nargs != 0:
            return _KINDS.get(action.dest)
    return _POSITIONS.get(magic)


def _files() -> list[str]:
    return sorted(
        f"{p.name}/" if p.is_dir() else p.name for p in Path().iterdir() if not p.name.startswith(".")
    )


def _exists() -> bool:
    """Whether the workspace is there, so that opening it makes nothing."""
    from mlmagic.workspace.location import locate

    return locate().folder.is_dir()
