"""Data collection of a service: what is collected, where, and for how long it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COLLECTS = "collect_model_data"
STORE = "collection_store"
OPTIONS = "collection_"
"""Their names begin so; they have no effect without `COLLECTS`."""
FORMATS = ("csv", "parquet")
REDACTIONS = ("mark", "hash")


@dataclass(frozen=True, slots=True)
class CollectionSettings:
    """The settings of a service that collects data."""

    store: str = ""
    """A folder or a URL that fsspec knows; empty: the default of the compute target."""
    format: str = "csv"
    sample_rate: float = 1.0
    redacted_columns: str = ""
    """Their names, separated by commas."""
    redaction: str = "mark"
    retention_days: int | None = None
    retention_gb: float | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> CollectionSettings | None:
        """Those among the ``compute_settings`` of a configuration; None if it collects nothing."""
        if not settings.get(COLLECTS):
            return None
        given = {name: settings.get(f"{OPTIONS}{name}") for name in cls.__dataclass_fields__}
        return cls(**{name: value for name, value in given.items() if value is not None})


def is_of_collection(name: str) -> bool:
    """Whether an argument is about data collection."""
    return name == COLLECTS or name.startswith(OPTIONS)
