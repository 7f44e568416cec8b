"""What the table of models shows and does, for every front: a row for each version, and its tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlmagic.core.compiled_models import words_of
from mlmagic.core.model import Model, ModelFilter, parse_labels
from mlmagic.engine.engine import Engine
from mlmagic.errors import UsageError
from mlmagic.visible_text import visible
from mlmagic.widgets import html
from mlmagic.widgets.calls import Answers
from mlmagic.widgets.live_table import LiveTable

MOST_FILES = 200
"""Files of a model that are listed."""


class LiveModels(LiveTable):
    """The rows of the versions that match ``wanted``."""

    def __init__(self, engine: Engine, wanted: ModelFilter | None = None) -> None:
        self.wanted = wanted or ModelFilter()
        super().__init__(engine)

    def read(self) -> list[dict[str, Any]]:
        models, users = self._engine.models.with_users(self.wanted)
        return [row(model, users.get(model.id, ())) for model in models]

    def calls(self) -> Answers:
        return {
            "details": lambda values: details(self._engine.models.get(str(values.get("model")))),
            "add_tag": lambda values: self._change(values, with_tag),
            "remove_tag": lambda values: self._change(values, without_tag),
        }

    def _change(
        self, values: Mapping[str, Any], changed: Callable[[Mapping[str, str], str], Mapping[str, str]]
    ) -> None:
        model = self._engine.models.get(str(values.get("model")))
        self._engine.models.change(model.id, tags=changed(model.tags, str(values.get("tag", ""))))


def row(model: Model, users: Sequence[str]) -> dict[str, Any]:
    """A version as a row: texts, and for each figure its text and the number to sort by."""
    return {
        "id": model.id,
        "name": model.id,
        "model": model.name,
        "version": model.version,
        "framework": " ".join(filter(None, [model.framework, model.details.framework_version])),
        "tags": [[visible(key), visible(value)] for key, value in model.tags.items()],
        "size": [html.size_text(model.size), model.size],
        "registered": model.created_time,
        "users": ", ".join(users),
    }


def details(model: Model) -> dict[str, Any]:
    """What the row of a version opens to: pairs of a term and its text, and its files."""
    described = model.details
    pairs = [
        ("Description", described.description),
        ("Python", described.python_version),
        ("Compilation", "; ".join(words_of(model.compiled))),
        ("Libraries", ", ".join(f"{name} {version}" for name, version in described.libraries.items())),
        ("Properties", ", ".join(f"{key}={value}" for key, value in model.properties.items())),
        ("Run", " ".join(filter(None, [described.experiment_name, described.run_id]))),
        ("Datasets", ", ".join(f"{scenario}: {dataset}" for scenario, dataset in described.datasets)),
        ("Sample input", "" if described.sample_input is None else "yes"),
    ]
    return {
        "pairs": [[term, visible(text)] for term, text in pairs if text],
        "files": [[visible(each.path), html.size_text(each.size)] for each in model.files[:MOST_FILES]],
        "more_files": max(0, len(model.files) - MOST_FILES),
    }


def with_tag(tags: Mapping[str, str], text: str) -> Mapping[str, str]:
    """The tags with ``KEY=VALUE``; raises `InvalidConfig` for what is none."""
    return {**tags, **parse_labels("tag", [text.strip()])}


def without_tag(tags: Mapping[str, str], text: str) -> Mapping[str, str]:
    """The tags without the one that ``KEY`` or ``KEY=VALUE`` names; raises `UsageError` if there is none."""
    key = text.strip().partition("=")[0]
    if key not in tags:
        raise UsageError(f"Tag not found: {key!r}.", hint=f"Tags: {', '.join(tags) or 'none'}.")
    return {name: value for name, value in tags.items() if name != key}
