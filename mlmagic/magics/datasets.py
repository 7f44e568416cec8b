"""The requests of a profile or a comparison: a dataset, recorded requests, or a model's sample."""

from __future__ import annotations

import ast
import builtins
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.errors import UsageError, nearest
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


def not_a_dataset(given: str, namespace: Mapping[str, Any]) -> str:
    """Why ``-d`` could not name this; empty if it may. Nothing is evaluated: that may take long."""
    if given in namespace or Path(given).expanduser().is_file():
        return ""
    try:
        json.loads(given)
    except ValueError:
        pass
    else:
        return ""
    try:
        found = list(ast.walk(ast.parse(given, mode="eval")))
    except (SyntaxError, ValueError):
        return f"{given!r} is neither a file nor a Python expression."
    names = [node for node in found if isinstance(node, ast.Name)]
    bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in found if isinstance(node, ast.arg)}
    known = bound | namespace.keys() | set(dir(builtins))
    unknown = [node.id for node in names if node.id not in known]
    if not unknown:
        return ""
    match = nearest(unknown[0], [known for known in namespace if not known.startswith("_")])
    hint = f" Did you mean {match!r}?" if match else ""
    return f"{unknown[0]!r} is not defined in the notebook, and there is no such file.{hint}"


def dataset_in(given: str, namespace: dict[str, Any]) -> Any:
    """The dataset that ``-d`` names: a variable or an expression of the notebook, JSON, or a file."""
    held = getattr(given, "held", None)
    if held is not None:
        return held
    if given not in namespace and Path(given).expanduser().is_file():
        return given
    value = read_data(given, namespace)
    return json.loads(given) if value is given else value


def data_or_place(given: str, namespace: dict[str, Any]) -> Any:
    """Rows or files: a variable or an expression of the notebook, or a text that names data elsewhere."""
    held = getattr(given, "held", None)
    if held is not None:
        return held
    return dataset_in(given, namespace) if given in namespace else str(given)
