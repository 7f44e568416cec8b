"""Which fields of an object somebody else has changed: pure functions.

The API server keeps in ``managedFields`` who wrote each field last. mlmagic owns those that it applied, until
somebody changes one with kubectl or another tool. Kubernetes' own controllers do not count, nor does the
annotation of ``kubectl rollout restart``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mlmagic.targets.kubernetes.api import MANAGER

_OF_KUBERNETES = frozenset({MANAGER, "kube-controller-manager", "kube-scheduler", "kubelet"})
_IGNORED = "spec.template.metadata.annotations"
_MOST_NAMED = 2


def words_of(found: Mapping[str, Any]) -> str:
    """Who has changed which fields, such as ``kubectl-set changed spec.paused``; empty if nobody has."""
    changed = changes(found)
    return " and ".join(f"{manager} changed {_listed(fields)}" for manager, fields in changed.items())


def changes(found: Mapping[str, Any]) -> dict[str, list[str]]:
    """The paths of the changed fields of an object's specification, by who has changed them."""
    changed: dict[str, list[str]] = {}
    for entry in found["metadata"].get("managedFields") or ():
        if entry.get("manager") in _OF_KUBERNETES or entry.get("subresource"):
            continue
        written = (entry.get("fieldsV1") or {}).get("f:spec") or {}
        paths = [path for path in _paths(written, "spec") if not path.startswith(_IGNORED)]
        if written and paths:
            changed.setdefault(str(entry.get("manager")), []).extend(paths)
    return changed


def _paths(written: Mapping[str, Any], above: str) -> Iterator[str]:
    """The paths of the fields that have none below them."""
    below = {name: each for name, each in written.items() if name != "." and not name.startswith("v:")}
    if not below:
        yield above
    for name, each in below.items():
        kind, _, text = name.partition(":")
        yield from _paths(each, f"{above}[{_key(text)}]" if kind == "k" else f"{above}.{text}")


def _key(text: str) -> str:
    """What tells an item of a list from others: the first value of its key."""
    return str(next(iter(json.loads(text).values()), ""))


def _listed(fields: list[str]) -> str:
    named, more = fields[:_MOST_NAMED], len(fields) - _MOST_NAMED
    if more <= 0:
        return ", ".join(named)
    return f"{', '.join(named)} and {more} more field{'s' if more > 1 else ''}"
