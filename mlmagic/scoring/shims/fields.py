"""Values by name, several of them under one name if need be: arguments, form fields, files, headers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mlmagic.scoring.http.request import BadInput


class MissingField(BadInput, KeyError):
    """The client has not sent what the script asks for by name: a 400, unless the script catches it."""

    def __str__(self) -> str:
        return str(self.args[0])


class Fields(Mapping[str, Any]):
    """Read-only; ``fields[name]`` is the first value of ``name``."""

    def __init__(self, pairs: Iterable[tuple[str, Any]], what: str = "field") -> None:
        self._what = what
        self._values: dict[str, list[Any]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> Any:
        try:
            return self._values[name][0]
        except KeyError:
            known = ", ".join(map(repr, self._values)) or "none"
            raise MissingField(f"The request has no {self._what} {name!r}; it has: {known}.") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.items(multi=True))!r})"

    def get(self, name: str, default: Any = None, type: Callable[[Any], Any] | None = None) -> Any:
        """The first value, converted; ``default`` if there is none or it cannot be."""
        if name not in self._values:
            return default
        value = self._values[name][0]
        try:
            return value if type is None else type(value)
        except (TypeError, ValueError):
            return default

    def getlist(self, name: str) -> list[Any]:
        return list(self._values.get(name, ()))

    def items(self, multi: bool = False) -> Any:
        """Names with their first value, or with each of them."""
        if not multi:
            return {name: values[0] for name, values in self._values.items()}.items()
        return [(name, value) for name, values in self._values.items() for value in values]

    def to_dict(self, flat: bool = True) -> dict[str, Any]:
        return {name: values[0] if flat else list(values) for name, values in self._values.items()}


class HeaderLines:
    """Headers to be sent; a name, in any case, may have several values."""

    def __init__(self, given: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None:
        self._lines: list[tuple[str, str]] = []
        for name, value in given.items() if isinstance(given, Mapping) else given:
            self.add(name, value)

    def add(self, name: str, value: Any) -> None:
        """One more value. Raises ValueError for what would break the answer apart."""
        name, value = str(name), str(value)
        if not name or not name.isascii() or any(letter <= " " or letter in ':"' for letter in name):
            raise ValueError(f"{name!r} is not the name of a header")
        if any((letter < " " and letter != "\t") or not "\x7f" != letter <= "\xff" for letter in value):
            raise ValueError(f"the value of the header {name!r} has letters that no header can have")
        self._lines.append((name, value))

    add_header = add

    def set(self, name: str, value: Any) -> None:
        """The only value from now on."""
        self.remove(name)
        self.add(name, value)

    __setitem__ = set

    def remove(self, name: str) -> None:
        self._lines = [line for line in self._lines if line[0].lower() != name.lower()]

    __delitem__ = remove

    def __getitem__(self, name: str) -> str:
        for known, value in self._lines:
            if known.lower() == name.lower():
                return value
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def getlist(self, name: str) -> list[str]:
        return [value for known, value in self._lines if known.lower() == name.lower()]

    def setdefault(self, name: str, value: Any) -> str:
        if name not in self:
            self.add(name, value)
        return self[name]

    def update(self, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            self.set(name, value)

    def extend(self, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            self.add(name, value)

    def keys(self) -> list[str]:
        return [name for name, _ in self._lines]

    def items(self) -> list[tuple[str, str]]:
        return list(self._lines)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.getlist(name))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)
