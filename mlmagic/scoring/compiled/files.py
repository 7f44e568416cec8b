"""The files of a compiled model, ``compiled.json`` and an ONNX graph for each method."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

RECORD = "compiled.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Method:
    """A method that onnxruntime runs."""

    graph: str
    """The name of the graph's file."""
    dtypes: str
    """numpy's characters of the input types that were compared, such as ``dfl``."""
    limit: float = sys.float_info.max
    """The largest number, without its sign, that was compared; larger ones are left to the original."""
    nan: bool = False
    """Whether the input may contain NaN."""
    output: str = ""
    """numpy's type that text labels are converted to, such as ``<U6``; empty to leave the output as it is."""


@dataclass(frozen=True, slots=True)
class Record:
    """What ``compiled.json`` contains."""

    size: int
    """Of the model file, in bytes."""
    sha256: str
    is_pickle: bool
    """Whether `pickle.load` reads the model file, and not only `joblib.load`."""
    module: str
    """The module of the estimator's class."""
    name: str
    """The name of the estimator's class."""
    text: str
    """``repr()`` of the estimator."""
    names: Sequence[str]
    """The attributes that the estimator has."""
    bound: Sequence[str]
    """Those that are methods."""
    width: int
    """The number of columns of the input."""
    methods: Mapping[str, Method]
    dtype: str = "float64"
    """The type of a graph's one input."""
    columns: Sequence[str] = ()
    """The names of the columns; empty if the estimator was fitted without names."""
    kinds: str = ""
    """For a graph with an input for each column: ``n`` for numbers, ``s`` for text. Empty for one input."""
    known: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """The only values, by the number of a column, that the estimator takes without an error."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Values that can be read without the original: numbers, text, or ``{"dtype": ..., "values": [...]}``."""
    rows: Sequence[Any] = ()
    """Rows that are predicted when the model is loaded."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    """What the original returned for ``rows``, by method."""
    tolerance: float = 0.0
    compilation: Mapping[str, Any] = field(default_factory=dict)
    """The result as `mlmagic.core.compilation.Compilation` writes it."""

    def write(self, folder: Path) -> None:
        """Write ``compiled.json``; the last file to be written, as its presence means that all are there."""
        partial = folder / f".{RECORD}"
        content = {"format": FORMAT, **asdict(self)}
        partial.write_bytes(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))
        os.replace(partial, folder / RECORD)

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Raises ValueError for a file of another format."""
        values: dict[str, Any] = orjson.loads((folder / RECORD).read_bytes())
        if (found := values.pop("format", None)) != FORMAT:
            raise ValueError(
                f"{folder / RECORD} has the format {found!r}, and this version reads format {FORMAT}: "
                "compile the model again"
            )
        methods = {name: Method(**each) for name, each in values.pop("methods").items()}
        return cls(methods=methods, **values)


def digest(file: Any) -> str:
    """The SHA-256 of a file from its start."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


class CompiledFiles:
    """The compiled models below a folder, found by the content of the file that each was made from."""

    def __init__(self, root: Path) -> None:
        self._by_size: dict[int, list[tuple[Record, Path]]] = {}
        for folder, _, names in os.walk(root):
            if RECORD in names:
                record = Record.read(Path(folder))
                self._by_size.setdefault(record.size, []).append((record, Path(folder)))

    def __bool__(self) -> bool:
        return bool(self._by_size)

    def of(self, file: BinaryIO) -> tuple[Record, Path] | None:
        """The compiled model that was made from this file, and its folder; None if there is none."""
        # Most files have a size that no compiled model was made from, so they need not be read.
        found = self._by_size.get(os.fstat(file.fileno()).st_size)
        if not found:
            return None
        content = digest(file)
        return next((each for each in found if each[0].sha256 == content), None)

    def of_pickle(self, file: BinaryIO) -> tuple[Record, Path] | None:
        """As `of`, for a file that pickle can read: joblib has a format of its own for arrays."""
        found = self.of(file)
        return found if found is not None and found[0].is_pickle else None
