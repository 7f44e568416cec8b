"""The request bodies in a dataset: each row is the body of a request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlmagic.engine.http.client import to_body
from mlmagic.errors import InvalidConfig, NotFound

_FIELD = "input_dataset"


def bodies(given: Any) -> list[bytes]:
    """The request bodies of a dataset. Raises `InvalidConfig` or `NotFound`.

    As in Azure ML v1: a TabularDataset (or DataFrame) with one column of strings, each a body. Also a file
    (CSV with one column, JSON with a list of samples, or one body per line), a list of samples, which are
    sent as JSON unless they are text or bytes, or the text of one body, which is JSON. Source: ModelProfile
    of azureml-core 1.61 and, for the one body, 1.0.
    """
    if isinstance(given, str | bytes) and _is_json(given):
        return [to_body(given)]
    if hasattr(given, "to_pandas_dataframe"):
        given = given.to_pandas_dataframe()
    if isinstance(given, str | Path):
        given = _read(Path(given).expanduser())
    if hasattr(given, "columns") and hasattr(given, "iloc"):
        found = _column(given)
    elif isinstance(given, Sequence) and not isinstance(given, str | bytes):
        found = [to_body(sample) for sample in given]
    elif hasattr(given, "tolist"):
        found = [to_body(sample) for sample in given.tolist()]
    else:
        raise InvalidConfig(
            _FIELD, type(given).__name__, "must be a dataset, a DataFrame, a file or a list of samples"
        )
    if not found:
        raise InvalidConfig(_FIELD, given, "must have at least one row")
    return found


def _is_json(text: str | bytes) -> bool:
    """Whether ``text`` is a JSON object or list; a path is not."""
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def dataset_id_of(given: Any) -> str | None:
    """The id of a registered dataset; None for anything else."""
    found = getattr(given, "id", None)
    return found if isinstance(found, str) else None


def _column(table: Any) -> list[bytes]:
    if len(table.columns) != 1:
        raise InvalidConfig(
            _FIELD,
            list(table.columns),
            "must be one column of strings, each the body of a request",
            hint='For rows of features: [{"data": [row]} for row in table.values.tolist()].',
        )
    values = table.iloc[:, 0].tolist()
    other = next((value for value in values if not isinstance(value, str)), None)
    if other is not None:
        raise InvalidConfig(
            _FIELD,
            other,
            f"is not a string, and each row of {table.columns[0]!r} must be one",
            hint="Convert the rows with json.dumps.",
        )
    return [value.encode() for value in values]


def _read(path: Path) -> Any:
    if not path.is_file():
        raise NotFound("dataset file", str(path), hint=f"The working folder is {Path.cwd()}.")
    if path.suffix == ".csv":
        import pandas

        return pandas.read_csv(path, dtype=str)
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        try:
            values = json.loads(text)
        except ValueError as error:
            raise InvalidConfig(_FIELD, str(path), f"is not JSON: {error}") from None
        return values if isinstance(values, list) else [values]
    return [line for line in text.splitlines() if line.strip()]
