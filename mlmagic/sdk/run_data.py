"""`Data`, `DataLocation` and `Dataset` of a run configuration: the inputs of a script by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Dataset:
    """A registered dataset by its id, ``name:version``."""

    dataset_id: str | None = None


@dataclass
class DataLocation:
    """Where an input is: a registered dataset, or a path in a datastore."""

    dataset: Dataset | None = None
    data_path: Any = None


@dataclass
class Data:
    """An input of a script, by its location."""

    data_location: DataLocation | None = None
    create_output_directories: bool = False
    mechanism: str = "mount"
    environment_variable_name: str | None = None
    path_on_compute: str | None = None
    overwrite: bool = False
