"""The options of a form's choices, and its first values: pure functions of what is available."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlmagic.core.configuration import DEFAULT_CPU, DEFAULT_MEMORY_GB
from mlmagic.core.curated import CURATED_PREFIX
from mlmagic.core.names import check_service_name
from mlmagic.core.profile import Profile, size_in_words
from mlmagic.errors import InvalidConfig
from mlmagic.widgets.form.validation import Available
from mlmagic.widgets.form.values import Script, ScriptKind

Option = tuple[str, Any]
"""A label and a value."""
PRESETS = ((DEFAULT_CPU, DEFAULT_MEMORY_GB), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0))
"""CPU cores and gigabytes; Azure ML v1's default first."""
THE_DATASET = ""
_REASON_LETTERS = 90


def versions(models: Sequence[str]) -> dict[str, list[Option]]:
    """By name: the versions, the newest first. ``models`` are ids in that order."""
    found: dict[str, list[Option]] = {}
    for name, _, version in (each.partition(":") for each in models):
        newest = "" if name in found else " (newest)"
        found.setdefault(name, []).append((f"{version}{newest}", version))
    return found


def scripts(available: Available) -> list[Option]:
    """The scripts captured in this notebook, the newest first; a file; none."""
    captured = [
        (f"{name} (captured in this notebook)", Script(ScriptKind.CAPTURED, name))
        for name in reversed(available.scripts)
    ]
    return [
        *captured,
        ("Script file", Script(ScriptKind.FILE)),
        ("No script: models only", Script()),
    ]


def environments(available: Available) -> list[Option]:
    """None, the registered and the curated environments."""
    return [
        ("None: this interpreter's packages", ""),
        *(
            (f"{each} (curated)" if each.startswith(CURATED_PREFIX) else each, each)
            for each in available.environments
        ),
    ]


def targets(available: Available) -> list[Option]:
    """The targets, and why one cannot be used now."""
    return [
        (f"{name} (not available: {_shortened(why)})" if why else name, name)
        for name, why in available.targets.items()
    ]


def requests(available: Available) -> list[Option]:
    """The requests of a profile: the dataset field, or the recorded requests of a service."""
    recorded = [(f"Recorded requests of {name}", name) for name in available.recorded]
    return [("Dataset below", THE_DATASET), *recorded]


def sizes(advice: Profile | None) -> list[Option]:
    """Presets, and the recommendation of a profile."""
    offered: list[Option] = [
        (f"{size_in_words(cpu, memory)}{' (default)' if (cpu, memory) == PRESETS[0] else ''}", (cpu, memory))
        for cpu, memory in PRESETS
    ]
    if advice is not None and (wanted := advice.recommendation) is not None:
        size = (wanted.cpu, wanted.memory_gb)
        offered = [each for each in offered if each[1] != size]
        offered.insert(0, (f"{size_in_words(*size)} (recommended by profile {advice.name})", size))
    return offered


def all_of(available: Available, advice: Profile | None) -> dict[str, Any]:
    """What the page offers: by the choice, each option as a list of its label and its value."""
    return {
        "models": {
            name: [[label, version] for label, version in found]
            for name, found in versions(available.models).items()
        },
        "scripts": [[label, {"kind": one.kind, "name": one.name}] for label, one in scripts(available)],
        "environments": [list(option) for option in environments(available)],
        "targets": [list(option) for option in targets(available)],
        "requests": [list(option) for option in requests(available)],
        "sizes": [[label, [f"{cpu:.12g}", f"{memory_gb:.12g}"]] for label, (cpu, memory_gb) in sizes(advice)],
    }


def beginning(available: Available) -> Mapping[str, Any]:
    """The first values of a form, by the names of `FormState`: the newest script, its model, a name."""
    script = available.scripts[-1] if available.scripts else ""
    names = list(versions(available.models))
    name = script if script in names else (names[0] if len(names) == 1 else "")
    model = next((each for each in available.models if each.partition(":")[0] == name), "")
    return {
        "script": Script(ScriptKind.CAPTURED, script) if script else Script(),
        "models": [model] if model else [],
        "service": service_name(script or name),
    }


def service_name(base: str) -> str:
    """A service name made from ``base``; empty if that is not possible."""
    name = re.sub(r"[^a-z0-9]+", "-", base.lower()).strip("-")[:28].strip("-") + "-svc"
    try:
        return check_service_name(name) if base else ""
    except InvalidConfig:
        return ""


def _shortened(why: str) -> str:
    line = " ".join(why.split())
    return line if len(line) <= _REASON_LETTERS else f"{line[: _REASON_LETTERS - 1]}…"
