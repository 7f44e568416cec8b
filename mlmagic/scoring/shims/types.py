"""The base class of parameter types, and the error for a value that does not match one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from mlmagic.scoring.http.request import BadInput

VERSIONS = ("2.0", "3.0", "3.1")
WITH_ALTERNATIVES = ("3.0", "3.1")
"""The versions of OpenAPI that have ``anyOf``."""


class Mismatch(BadInput):
    """A value does not match its sample: ``expected`` and ``came`` describe both, ``path`` is the value's."""

    def __init__(self, expected: str, came: str, path: str = "") -> None:
        self.expected, self.came, self.path = expected, came, path
        super().__init__("")

    def __str__(self) -> str:
        where = f"The {self.path!r} parameter" if self.path else "The input"
        return f"{where} does not match its schema: expected {self.expected}, got {self.came}."

    def inside(self, outer: str) -> Mismatch:
        """Return this error with ``outer``, the name of the value that contains it, before its path."""
        inner = self.path and (self.path if self.path.startswith("[") else f".{self.path}")
        return Mismatch(self.expected, self.came, f"{outer}{inner}")


class AbstractParameterType(ABC):
    """Converts values to the type of ``sample_input`` and describes them. Scripts may define subclasses."""

    format: ClassVar[str] = ""

    def __init__(self, sample_input: Any) -> None:
        self.sample_input = sample_input
        self.sample_data_type = type(sample_input)

    @abstractmethod
    def deserialize_input(self, input_data: Any) -> Any:
        """Convert a value of the body for run(). Raises `Mismatch`, ValueError or TypeError."""

    @abstractmethod
    def input_to_swagger(self) -> dict[str, Any]:
        """Return an OpenAPI schema with an ``example``."""

    def supported_versions(self) -> list[str]:
        """Return the versions of OpenAPI that can express `input_to_swagger`."""
        return list(VERSIONS)


def described(value: Any) -> str:
    """Describe a JSON value in a few words, for an error."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {_short(value)}"
    if isinstance(value, str):
        return f"the text {_short(value)}"
    if isinstance(value, dict):
        return (
            f"an object with the keys {', '.join(map(_short, list(value)[:8]))}"
            if value
            else "an empty object"
        )
    if isinstance(value, list | tuple):
        return f"an array of {len(value)}"
    return f"a {type(value).__name__}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]}...{text[-1]}"
