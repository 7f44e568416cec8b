"""What a line means by a model and by a sample: a variable or expression of the notebook, or a path."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmagic.core.names import ModelReference
from mlmagic.errors import NotFound, nearest
from mlmagic.magics.arguments import read_data
from mlmagic.sdk.mlflow_artifacts import SCHEMES, fetched, name_in


def find_model(given: Any, namespace: Mapping[str, Any]) -> tuple[object, str]:
    """The object or path that a line's first argument means, and the name it suggests.

    ``runs:/ID/PATH`` and ``models:/NAME/VERSION`` are MLflow's: the path is where their files are then.
    """
    if isinstance(given, str) and given.startswith(SCHEMES):
        name = name_in(given)
        return fetched(given), name
    if isinstance(given, str) and given not in namespace and not Path(given).expanduser().exists():
        raise _no_such_thing(given, namespace)
    value = namespace.get(given, given) if isinstance(given, str) else given
    if isinstance(value, str | os.PathLike):
        # The documents' rule for models that come from a path: the base name, 30 characters at most.
        return value, Path(value).name[:30]
    return value, given if isinstance(given, str) else "model"


def model_references(given: Sequence[Any]) -> list[ModelReference]:
    """``-m`` values: text, or the objects %register returned."""
    flat = [one for item in given for one in (item if isinstance(item, list | tuple) else [item])]
    return [ModelReference.parse(str(getattr(one, "id", one))) for one in flat]


def read_sample(given: str | None, namespace: Mapping[str, Any]) -> Any:
    """A sample as JSON has it; None if there is none."""
    from mlmagic.engine.models.registration import to_plain

    if given is None:
        return None
    value = read_data(given, namespace)
    return to_plain(json.loads(given) if value is given else value)


def _no_such_thing(given: str, namespace: Mapping[str, Any]) -> NotFound:
    variables = [name for name in namespace if not name.startswith("_")]
    match = nearest(given, variables)
    hint = f"Did you mean {match!r}?" if match else f"The working folder is {Path.cwd()}."
    if re.split(r"\W", given, maxsplit=1)[0] in variables:
        hint = f"For an expression, write {{{given}}}."
    return NotFound("variable, file or folder", given, hint=hint)
