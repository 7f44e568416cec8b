"""Arguments and inputs of a script: datasets, paths, parameters and outputs as text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mlmagic.errors import UsageError
from mlmagic.sdk.data_reference import DataPath, DataPathComputeBinding
from mlmagic.sdk.dataset_consumption import DIRECT, DatasetConsumptionConfig


def argument_text(given: Any, values: Mapping[str, Any], output_of: Callable[[Any], Path | None]) -> str:
    """An argument as text.

    A pipeline parameter is its value in ``values``, an input or output is its path, and a dataset in direct
    mode is its id.
    """
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], DataPathComputeBinding):
        given = given[0]  # a path, or a parameter for one, and how to read it
    if hasattr(given, "value_in"):
        given = given.value_in(values)
    output = output_of(given)
    if output is not None:
        return str(output)
    if isinstance(given, DataPath):
        return str(given.path)
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], DataPath):
        return str(given[0].path)  # the value of a parameter
    if isinstance(given, DatasetConsumptionConfig):
        return str(path_of(given.dataset) if given.mode != DIRECT else given.dataset.id or given.name)
    if hasattr(given, "to_record") and hasattr(given, "paths"):
        raise UsageError(
            f"{given!r} cannot be an argument of a script",
            hint='Pass dataset.as_named_input("NAME").as_mount().',
        )
    return str(given)


def inputs_of(given: Iterable[Any]) -> dict[str, Any]:
    """The datasets among arguments and inputs, as the record of a run has them."""
    return {
        each.name: {
            "path": None if each.mode == DIRECT else str(path_of(each.dataset)),
            "dataset": each.dataset.to_record(),
        }
        for each in given
        if isinstance(each, DatasetConsumptionConfig) and hasattr(each.dataset, "to_record")
    }


def path_of(dataset: Any) -> Path:
    """The file of a dataset, or the folder of its files. Raises `NotFound` for a path without files."""
    files = dataset.paths
    return Path(
        files[0] if len(files) == 1 else os.path.commonpath([str(Path(file).parent) for file in files])
    )
