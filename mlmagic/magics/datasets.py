"""The requests of a profile or a comparison: a dataset, recorded requests, or a model's sample."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.errors import UsageError
from mlmagic.magics.line import read_data
from mlmagic.magics.messages import show_message

if TYPE_CHECKING:
    from mlmagic.core.notify import Notify
    from mlmagic.magics.session import MLMagic


def requests_of(
    session: MLMagic,
    dataset: str | None,
    models: Sequence[Any],
    recorded_by: str | None = None,
    notify: Notify = show_message,
) -> Any:
    """The dataset that ``-d`` names, or the requests ``recorded_by`` a service, or the sample of the first
    model that has one, which is reported. Raises `UsageError`.
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
            notify("Sending the model's sample. For more realistic requests, name a dataset with -d.")
            return [{"data": sample}]
    raise UsageError(
        "there are no requests to send", hint="Name them: -d {samples}, -d DataFrame, or -d FILE."
    )


def dataset_in(given: str, namespace: dict[str, Any]) -> Any:
    """The dataset that ``-d`` names: a variable or an expression of the notebook, JSON, or a file."""
    held = getattr(given, "held", None)
    if held is not None:
        return held
    if given not in namespace and Path(given).expanduser().is_file():
        return given
    value = read_data(given, namespace)
    return json.loads(given) if value is given else value
