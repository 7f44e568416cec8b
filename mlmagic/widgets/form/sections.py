"""The folded sections of a form: the fields of each, and its value in a line. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlmagic.core.arguments import ARGUMENTS, Argument, Group
from mlmagic.core.deployments import must_be_named
from mlmagic.core.profile import size_in_words
from mlmagic.widgets.form.values import SETTINGS, FormValues, offered

ENVIRONMENT, RESOURCES, ACCESS, BEHAVIOUR, LABELS = (
    "environment",
    "resources",
    "access",
    "behaviour",
    "labels",
)
TITLES: Mapping[str, str] = {
    RESOURCES: "Resources",
    ACCESS: "Access",
    ENVIRONMENT: "Environment",
    BEHAVIOUR: "Behaviour",
    LABELS: "Description and tags",
}
KEYS, TOKENS = "auth_enabled", "token_auth_enabled"
SIZE = ("cpu_cores", "memory_gb")
NO_SETTINGS: Mapping[str, Any] = {KEYS: False, TOKENS: False}
"""The settings of a form in which nothing was changed."""
_SECTIONS: Mapping[Group, str] = {
    Group.RESOURCES: RESOURCES,
    Group.REPLICAS: RESOURCES,
    Group.ACCESS: ACCESS,
    Group.ENVIRONMENT: ENVIRONMENT,
    Group.BEHAVIOUR: BEHAVIOUR,
    Group.LABELS: LABELS,
}


def rows() -> list[dict[str, Any]]:
    """The fields of the settings, in order; one choice stands for both kinds of authentication."""
    return [_row(argument) for name, argument in SETTINGS.items() if name not in (KEYS, TOKENS)]


def shown(target: str) -> list[str]:
    """The settings that a target takes."""
    return list(offered(target))


def section_of(field: str) -> str:
    """The section of a setting; empty for a field that is not in one."""
    return _SECTIONS[ARGUMENTS[field].group] if field in ARGUMENTS else ""


def sections(values: FormValues) -> list[list[str]]:
    """Each section: its name, its title, and its value in words."""
    given = values.given
    words: dict[str, list[str]] = {name: [] for name in TITLES}
    words[RESOURCES].append(_size(values, given))
    words[ACCESS].append("token" if given.get(TOKENS) else "key" if _takes_keys(values, given) else "none")
    if values.environment:
        words[ENVIRONMENT].append(values.environment)
    for name, value in given.items():
        if name in SETTINGS and name not in (*SIZE, KEYS, TOKENS):
            words[section_of(name)].append(_changed(SETTINGS[name], value))
    usual = {ENVIRONMENT: "this interpreter's packages", BEHAVIOUR: "as usual", LABELS: "none"}
    return [[name, title, ", ".join(words[name]) or usual[name]] for name, title in TITLES.items()]


def number_text(value: float | str) -> str:
    """A number as a user writes it."""
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _row(argument: Argument) -> dict[str, Any]:
    value = argument.default
    filled = argument.kind not in (bool, dict) and value is not None and not must_be_named(argument, value)
    return {
        "name": argument.name,
        "title": argument.title,
        "hint": "KEY=VALUE, one per line" if argument.kind is dict else argument.placeholder,
        "help": argument.option_help,
        "kind": {bool: "flag", dict: "lines"}.get(argument.kind, "line"),
        "value": bool(value) if argument.kind is bool else number_text(value) if filled else "",
        "section": section_of(argument.name),
    }


def _size(values: FormValues, given: Mapping[str, Any]) -> str:
    there = offered(values.target)
    cpu, memory = (given.get(name, there[name].default) for name in SIZE)
    known = isinstance(cpu, int | float) and isinstance(memory, int | float)
    return size_in_words(cpu, memory) if known else f"{cpu} cores, {memory} GB"


def _takes_keys(values: FormValues, given: Mapping[str, Any]) -> bool:
    return bool(given.get(KEYS, offered(values.target)[KEYS].default))


def _changed(argument: Argument, value: Any) -> str:
    name = argument.label.partition(":")[0].lower() if argument.kind is bool else argument.label
    if isinstance(value, bool):
        return name if value else f"no {name}"
    shown = ", ".join(value) if isinstance(value, Mapping) else number_text(value)
    unit = f" {argument.unit}" if argument.unit else ""
    return f"{name}: {' '.join(shown.split())[:40]}{unit}"
