"""The settings of data collection: environment variables, Azure ML v1's and ours."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from mlmagic.scoring.collection.redaction import HASH, MARK, MODES, Redaction
from mlmagic.scoring.start_errors import StartFailed

ENABLED = "AML_MODEL_DC_STORAGE_ENABLED"
STORAGE = "AML_MODEL_DC_STORAGE"
DEBUG = "AML_MODEL_DC_DEBUG"
REQUESTS = "MLMAGIC_COLLECT_REQUESTS"
"""The server records requests itself, where the script has no collector."""
FORMAT = "MLMAGIC_COLLECTION_FORMAT"
SAMPLE_RATE = "MLMAGIC_COLLECTION_SAMPLE_RATE"
REDACTED = "MLMAGIC_COLLECTION_REDACTED_COLUMNS"
REDACTION = "MLMAGIC_COLLECTION_REDACTION"
HASH_KEY = "MLMAGIC_COLLECTION_HASH_KEY"
MODEL = "MLMAGIC_COLLECTION_MODEL"
"""``name:version`` of the model of the service."""
CSV, PARQUET = FORMATS = ("csv", "parquet")
NO_NAME = "default"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]*://")


class InvalidCollection(StartFailed):
    """Data collection has a setting that it cannot have."""

    phase = "settings"


@dataclass(frozen=True, slots=True)
class CollectionSettings:
    """What is collected, and where it is written."""

    writes: bool = False
    prints: bool = False
    storage: str = "."
    """A folder, or a URL that fsspec knows."""
    form: str = CSV
    sample_rate: float = 1.0
    redaction: Redaction = field(default_factory=Redaction)
    records_requests: bool = False
    service: str = NO_NAME
    model: tuple[str, str] = (NO_NAME, NO_NAME)
    """Name and version."""

    @property
    def is_on(self) -> bool:
        return self.writes or self.prints

    @property
    def is_remote(self) -> bool:
        """Whether the storage is a URL."""
        return is_url(self.storage)

    @property
    def appends(self) -> bool:
        """Whether several batches share a file: nothing can be appended to one in a store, or of Parquet."""
        return self.form == CSV and not self.is_remote

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> CollectionSettings:
        """Raises `InvalidCollection`."""

        def given(name: str, default: str = "") -> str:
            return environment.get(name, "").strip() or default

        name, _, version = given(MODEL).partition(":")
        return cls(
            _is_on(given(ENABLED)),
            _is_on(given(DEBUG)),
            _storage(given(STORAGE), given("AML_APP_ROOT", ".")),
            _one_of(FORMAT, given(FORMAT, CSV).lower(), FORMATS),
            _rate(given(SAMPLE_RATE, "1")),
            _redaction(given(REDACTED), given(REDACTION, MARK), given(HASH_KEY)),
            _is_on(given(REQUESTS)),
            given("SERVICE_NAME", NO_NAME),
            (name or NO_NAME, version or NO_NAME),
        )

    def check_packages(self) -> None:
        """Raises `InvalidCollection` if a package is missing that the format or the storage needs."""
        if not self.writes:
            return
        if self.form == PARQUET and find_spec("pyarrow") is None:
            raise InvalidCollection(
                "the collection format 'parquet' needs the package pyarrow, which is not installed here",
                hint="Add pyarrow to the service's environment, or use the format csv.",
            )
        if self.is_remote:
            _check_store(self.storage)


def is_url(storage: str) -> bool:
    """Whether ``storage`` is a URL of fsspec, and no folder."""
    return _URL.match(storage) is not None and not storage.startswith("file://")


def _check_store(url: str) -> None:
    protocol = re.split("://|::", url)[0]
    try:
        import fsspec

        fsspec.get_filesystem_class(protocol)
    except ImportError as error:  # fsspec names the package of the store
        raise InvalidCollection(
            f"the collection store {protocol}:// needs a package that is not installed here: {error}",
            hint="Add fsspec and that package to the service's environment, or use a folder.",
        ) from None
    except ValueError as error:
        raise InvalidCollection(f"{STORAGE} begins with {protocol}://: {error}") from None


def _storage(given: str, root: str) -> str:
    folder = given.removeprefix("file://")
    # In Azure this is the connection string of a storage account, which says nothing here.
    return folder if os.path.isabs(folder) or is_url(folder) else str(Path(root))


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise InvalidCollection(f"{name} is {value!r}: it must be one of {', '.join(known)}")
    return value


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise InvalidCollection(f"{SAMPLE_RATE} is {text!r}: it must be a number from 0 to 1")
    return rate


def _redaction(columns: str, mode: str, key: str) -> Redaction:
    names = tuple(filter(None, map(str.strip, columns.split(","))))
    mode = _one_of(REDACTION, mode, MODES)
    if names and mode == HASH and not key:
        raise InvalidCollection(
            f"{REDACTION} is {HASH!r} and there is no key for it",
            hint=f"Set the environment variable {HASH_KEY} of the service to a secret text.",
        )
    return Redaction(names, key.encode() if mode == HASH else None)


def _is_on(value: str) -> bool:
    return value.lower() in ("true", "1", "yes")
