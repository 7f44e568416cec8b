"""What a form offers to choose from, and what it begins with: pure functions of what there is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlmagic.core.configuration import DEFAULT_CPU, DEFAULT_MEMORY_GB
from mlmagic.core.curated import CURATED_PREFIX
from mlmagic.core.names import check_service_name
from mlmagic.core.profile import Profile, size_in_words
from mlmagic.errors import InvalidConfig
from mlmagic.widgets.form.rules import Surroundings
from mlmagic.widgets.form.values import Script, ScriptKind

Option = tuple[str, Any]
"""What people read, and the value."""
PRESETS = ((DEFAULT_CPU, DEFAULT_MEMORY_GB), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0))
"""Cores and gigabytes; the documents' default first."""
AS_TYPED = ()
THE_DATASET = ""
_REASON_LETTERS = 90


def versions(models: Sequence[str]) -> dict[str, list[Option]]:
    """By name: each version, the newest first. ``models`` are ids in that order."""
    found: dict[str, list[Option]] = {}
    for name, _, version in (each.partition(":") for each in models):
        newest = "" if name in found else " (newest)"
        found.setdefault(name, []).append((f"{version}{newest}", version))
    return found


def scripts(there: Surroundings) -> list[Option]:
    """Those of this notebook, the last one first; a file; none."""
    captured = [
        (f"{name} (captured in this notebook)", Script(ScriptKind.CAPTURED, name))
        for name in reversed(there.scripts)
    ]
    return [
        *captured,
        ("a file", Script(ScriptKind.FILE)),
        ("none: the models as they are", Script()),
    ]


def environments(there: Surroundings) -> list[Option]:
    """None, those registered, and the curated ones."""
    return [
        ("none: what this interpreter has", ""),
        *(
            (f"{each} (curated)" if each.startswith(CURATED_PREFIX) else each, each)
            for each in there.environments
        ),
    ]


def targets(there: Surroundings) -> list[Option]:
    """Each with whether it can be used now, and why not."""
    return [
        (f"{name}: cannot be used now. {_shortened(why)}" if why else f"{name}: can be used", name)
        for name, why in there.targets.items()
    ]


def requests(there: Surroundings) -> list[Option]:
    """What a profile may ask: what is typed, or what a service was asked."""
    recorded = [(f"what {name} was asked", name) for name in there.recorded]
    return [("the dataset below", THE_DATASET), *recorded]


def sizes(advice: Profile | None) -> list[Option]:
    """Presets, what a profile recommends, and whatever else is typed."""
    offered: list[Option] = [
        (f"{size_in_words(cpu, memory)}{' (default)' if (cpu, memory) == PRESETS[0] else ''}", (cpu, memory))
        for cpu, memory in PRESETS
    ]
    if advice is not None and (wanted := advice.recommendation) is not None:
        size = (wanted.cpu, wanted.memory_gb)
        offered = [each for each in offered if each[1] != size]
        offered.insert(0, (f"{size_in_words(*size)} (recommended by profile {advice.name})", size))
    return [*offered, ("as typed below", AS_TYPED)]


def beginning(there: Surroundings) -> Mapping[str, Any]:
    """What a form begins with, by the names of `FormState`: the last script, its model, and a name."""
    script = there.scripts[-1] if there.scripts else ""
    names = list(versions(there.models))
    name = script if script in names else (names[0] if len(names) == 1 else "")
    model = next((each for each in there.models if each.partition(":")[0] == name), "")
    return {
        "script": Script(ScriptKind.CAPTURED, script) if script else Script(),
        "models": [model] if model else [],
        "service": service_name(script or name),
    }


def service_name(base: str) -> str:
    """A name for a service of ``base``; empty if none can be made of it."""
    name = re.sub(r"[^a-z0-9]+", "-", base.lower()).strip("-")[:28].strip("-") + "-svc"
    try:
        return check_service_name(name) if base else ""
    except InvalidConfig:
        return ""


def _shortened(why: str) -> str:
    words = " ".join(why.split())
    return words if len(words) <= _REASON_LETTERS else f"{words[: _REASON_LETTERS - 1]}…"
