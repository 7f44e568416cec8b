"""Tab completion in a magic's line: options, names (models, services, scripts, targets, files), revisions."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from mlmagic.core.curated import CURATED
from mlmagic.core.model import FRAMEWORKS
from mlmagic.magics.alerts import ACTIONS as ALERT_ACTIONS
from mlmagic.magics.endpoints import ACTIONS as ENDPOINT_ACTIONS
from mlmagic.magics.environments import VERBS as ENVIRONMENT_VERBS
from mlmagic.magics.session import MLMagic

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine

Matcher = Callable[[CompletionContext], SimpleMatcherResult]

# What completes each option or position; the others are free text. The last position repeats.
_KINDS = {
    "model": "models",
    "environment": "environments",
    "conda": "files",
    "pip": "files",
    "python_path": "files",
    "dockerfile": "files",
    "script": "scripts",
    "entry_script": "files",
    "ssl_cert_pem_file": "files",
    "ssl_key_pem_file": "files",
    "source_directory": "files",
    "target": "targets",
    "framework": "frameworks",
    "write": "files",
    "carry": "variables",
    "out": "variables",
    "redeliver": "subscriptions",
    "delete_deliveries": "subscriptions",
    "deliveries": "subscriptions",
    "service": "services",
}
_POSITIONS = {
    "register": ("variables_and_files", ""),
    "models": ("model_names", ""),
    "deploy": ("service_ideas", ""),
    "update": ("services", ""),
    "rollback": ("services", "revisions", ""),
    "scale": ("services", ""),
    "endpoint": ("endpoint_actions", "endpoints", "endpoint_versions"),
    "rollout": ("endpoints", "endpoint_versions", ""),
    "revisions": ("services", ""),
    "score": ("services", "variables"),
    "logs": ("services",),
    "delete": ("services",),
    "score_script": ("model_names", ""),
    "environment": ("environment_verbs", "environments"),
    "workspace": ("files", ""),
    "unsubscribe": ("subscriptions", ""),
    "follow": ("services", ""),
    "unfollow": ("services", ""),
    "collected": ("services", ""),
    "alert": ("alert_actions", "alert_rules"),
}
# A magic at the start of a line, or assigned; not the remainder operator.
_LINE = re.compile(r"\s*(?:[^\s=%][^=%]*=\s*)?%{1,2}(\w+)(\s.*)")


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
        # Each look-up of a bound method is a new object; the shell's list needs one.
        self.match = self._matcher()

    def _matcher(self) -> Matcher:
        @context_matcher(identifier="mlmagic")
        def match(context: CompletionContext) -> SimpleMatcherResult:
            fragment, found = self.complete(context.text_until_cursor)
            return {
                "completions": [SimpleCompletion(text, type="mlmagic") for text in found],
                "matched_fragment": fragment,
                "suppress": bool(found),
            }

        return cast("Matcher", match)

    def complete(self, line: str) -> tuple[str, list[str]]:
        """The word at the end of ``line`` and its completions; empty if the line is not ours."""
        found = _LINE.fullmatch(line)
        parser = self._parsers.get(found[1]) if found else None
        if found is None or parser is None:
            return "", []
        words = found[2].split()
        current = "" if line[-1].isspace() else words.pop()
        option, equals, value = current.partition("=")
        if equals and option.startswith("--"):
            words, current = [*words, option], value
        elif current.startswith("-"):
            return current, sorted(option for option in _options(parser) if option.startswith(current))
        fits = (text for text in self._candidates(_kind(parser, found[1], words), words, current))
        return current, [text for text in fits if text.startswith(current)]

    def _candidates(self, kind: str, before: Sequence[str], current: str) -> list[str]:
        sources: Mapping[str, Callable[[], Iterable[str]]] = {
            "models": self._model_ids,
            "model_names": lambda: dict.fromkeys(name.partition(":")[0] for name in self._model_ids()),
            "services": self._service_names,
            "revisions": lambda: self._revision_numbers(before),
            "service_ideas": lambda: [*self._session.script_names, *self._service_names()],
            "endpoint_actions": lambda: [*ENDPOINT_ACTIONS, *self._endpoint_names()],
            "endpoints": self._endpoint_names,
            "endpoint_versions": lambda: self._version_names(before),
            "environments": self._environment_names,
            "environment_verbs": lambda: ENVIRONMENT_VERBS,
            "subscriptions": self._subscription_names,
            "alert_actions": lambda: ALERT_ACTIONS,
            "alert_rules": self._alert_rule_names,
            "scripts": lambda: self._session.script_names,
            "targets": self._targets,
            "frameworks": lambda: FRAMEWORKS,
            "variables": self._variables,
            "files": lambda: _files(current),
            "variables_and_files": lambda: [*self._variables(), *_files(current)],
        }
        try:
            return list(dict.fromkeys(sources[kind]())) if kind else []
        except Exception:  # pressing Tab must not raise, even if the database cannot be read
            return []

    def _model_ids(self) -> list[str]:
        engine = self._opened()
        if engine is None:
            return []
        found = [model.id for model in engine.models.list()]
        return [*dict.fromkeys(name.partition(":")[0] for name in found), *found]

    def _service_names(self) -> list[str]:
        engine = self._opened()
        return [] if engine is None else [service.name for service in engine.services.list()]

    def _revision_numbers(self, before: Sequence[str]) -> list[str]:
        """The revisions of the service that the line names, the newest first."""
        engine = self._opened()
        name = next((word for word in before if not word.startswith("-")), "")
        return [] if engine is None else [str(each) for each in engine.services.revision_numbers(name)]

    def _endpoint_names(self) -> list[str]:
        engine = self._opened()
        return [] if engine is None else [each.name for each in engine.endpoints.list()]

    def _version_names(self, before: Sequence[str]) -> list[str]:
        """The versions of the endpoint that the line names."""
        engine = self._opened()
        if engine is None:
            return []
        name = next(word for word in before if word not in ENDPOINT_ACTIONS and not word.startswith("-"))
        return engine.endpoints.endpoint(name).names

    def _environment_names(self) -> list[str]:
        engine = self._opened()
        return list(CURATED) if engine is None else [each.name for each in engine.environments.list()]

    def _subscription_names(self) -> list[str]:
        engine = self._opened()
        return [] if engine is None else [each.name for each in engine.events.subscriptions()]

    def _alert_rule_names(self) -> list[str]:
        engine = self._opened()
        return [] if engine is None else [each.name for each in engine.alerts.list()]

    def _opened(self) -> Engine | None:
        """The engine, opened only if its workspace exists."""
        return self._session.engine if self._session.opened is None and _exists() else self._session.opened

    def _targets(self) -> list[str]:
        from mlmagic.targets.registry import names

        return names()

    def _variables(self) -> list[str]:
        hidden = self._session.shell.user_ns_hidden
        return sorted(n for n in self._session.namespace if not n.startswith("_") and n not in hidden)


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [
        option for action in parser._actions for option in action.option_strings if option.startswith("--")
    ]


def _kind(parser: argparse.ArgumentParser, magic: str, before: Sequence[str]) -> str:
    """The kind of the word after these: the value of an option, or a position."""
    takers = {option: a.dest for a in parser._actions if a.nargs != 0 for option in a.option_strings}
    given, waiting = 0, ""
    for word in before:
        if waiting:
            waiting = ""
        elif word in takers:
            waiting = word
        elif not word.startswith("-"):
            given += 1
    if waiting:
        return _KINDS.get(takers[waiting], "")
    positions = _POSITIONS.get(magic, ("",))
    return positions[min(given, len(positions) - 1)]


def _files(current: str) -> list[str]:
    """Files and folders that complete the path; those with blanks would need quotes."""
    folder = current.rpartition("/")[0] + "/" if "/" in current else ""
    return sorted(
        f"{folder}{path.name}{'/' if path.is_dir() else ''}"
        for path in Path(folder).expanduser().iterdir()
        if not path.name.startswith(".") and " " not in path.name
    )


def _exists() -> bool:
    """Whether the workspace exists, so that opening it creates nothing."""
    from mlmagic.workspace.location import locate

    return (locate().folder / "files").is_dir()
