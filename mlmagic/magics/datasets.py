"""Which requests a profile asks, or a comparison: a dataset, recorded ones, or a model's sample."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.errors import UsageError
from mlmagic.magics.arguments import read_data
from mlmagic.magics.notes import show_note

if TYPE_CHECKING:
    from mlmagic.core.notify import Notify
    from mlmagic.magics.session import MLMagic


def requests_of(
    session: MLMagic,
    dataset: str | None,
    models: Sequence[Any],
    recorded_by: str | None = None,
    notify: Notify = show_note,
) -> Any:
    """What ``-d`` names, or what was ``recorded_by`` a service; without either the sample of the first model
    that has one, which is told.
    """
    if recorded_by is not None:
        if dataset is not None:
            raise UsageError("-d and --traffic exclude each other")
        return session.engine.requests.to_replay(recorded_by)
    if dataset is not None:
        return dataset_in(dataset, session.namespace)
    for reference in models:
        sample = session.engine.models.get(reference).details.sample_input
        if sample is not None:
            notify("Asking with the model's sample; -d names requests that are more like real ones.")
            return [{"data": sample}]
    raise UsageError("no requests to ask with", hint="Name them: -d {samples}, -d DataFrame, or -d FILE.")


def dataset_in(given: str, namespace: dict[str, Any]) -> Any:
    """What ``-d`` names: a variable or an expression of the notebook, JSON, or a file."""
    held = getattr(given, "held", None)
    if held is not None:
        return held
    if given not in namespace and Path(given).expanduser().is_file():
        return given
    value = read_data(given, namespace)
    return json.loads(given) if value is given else value
