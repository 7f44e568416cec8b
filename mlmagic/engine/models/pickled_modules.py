"""The modules that pickles name, read from their opcodes: nothing is loaded, and no code of a pickle runs.

joblib writes the bytes of an array right after the object that describes it, in the middle of the pickle.
So a small machine follows the stack of the pickle as far as types, shapes and names go, and skips the arrays.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import pickletools
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

from mlmagic.engine.models.frameworks import PICKLES

_LONGEST_NAME = 500
_LONGEST_TUPLE = 32
_SKIPPED_AT_ONCE = 1 << 20
_ARRAY_WRAPPERS = (("joblib.numpy_pickle", "NumpyArrayWrapper"),)
_ITEM = re.compile(r"[|<>=]?([A-Za-z])(\d+)")
_PICKLE_BEGINS = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))
_ARCHIVE = b"PK\3\4"
_OPENERS: Mapping[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZ": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
    b"\x5d\0": lzma.LZMAFile,
}
_UNREADABLE = (
    *(ValueError, LookupError, TypeError, AttributeError, EOFError, OSError, RecursionError),
    *(lzma.LZMAError, zipfile.BadZipFile, zlib.error, UnicodeError, OverflowError, NotImplementedError),
)


@dataclass(frozen=True, slots=True)
class PickledModules:
    """What was read of one file."""

    names: frozenset[str]
    """Dotted names of modules, ``__main__`` included."""
    is_complete: bool
    """False for what is no pickle, is damaged, or is compressed in an unknown way: more may be needed."""


@dataclass(slots=True)
class _Made:
    """An object that the pickle builds: of which class, from which arguments, with which state."""

    of: tuple[str, str]
    arguments: Any = None
    state: dict[Any, Any] = field(default_factory=dict)


_UNKNOWN, _MARK = object(), object()


def may_be_pickle(path: str, head: bytes) -> bool:
    """Whether a model's file is to be read as a pickle: by its name, or by how it begins."""
    return path.endswith(PICKLES) or head.startswith((*_PICKLE_BEGINS, _ARCHIVE))


@lru_cache(maxsize=256)
def modules_in(content: Path) -> PickledModules:
    """The modules that a stored file names. The result is kept, because stored files never change."""
    names: set[str] = set()
    try:
        with content.open("rb") as file:
            for stream in _streams(file):
                _read(stream, names)
    except _UNREADABLE:
        return PickledModules(frozenset(names), is_complete=False)
    return PickledModules(frozenset(names), is_complete=True)


def _streams(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """The pickles in a file: itself, what it holds compressed, or those in an archive of PyTorch."""
    head = file.read(8)
    file.seek(0)
    if head.startswith(_ARCHIVE):
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if name.endswith("data.pkl"):
                    with archive.open(name) as inner:
                        yield inner
    elif (opener := _opener_of(head)) is not None:
        with opener(file) as inner:
            yield inner
    else:
        yield file


def _opener_of(head: bytes) -> Callable[[IO[bytes]], IO[bytes]] | None:
    """What opens a compressed file that begins so; None for a file that is not compressed."""
    if head.startswith(b"\x78"):
        from joblib.compressor import BinaryZlibFile

        return lambda file: io.BufferedReader(BinaryZlibFile(file, "rb"))
    return next((opener for start, opener in _OPENERS.items() if head.startswith(start)), None)


def _read(stream: IO[bytes], names: set[str]) -> None:
    """Follow one pickle to its end, and add the modules that it names to ``names``."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for opcode, value, _ in pickletools.genops(stream):
        name, argument = opcode.name, cast("Any", value)
        if name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "DUP":
            stack.append(stack[-1])
        elif name == "POP" and stack[-1] is _MARK:
            stack.pop()
        else:
            taken = _take(stack, opcode)
            made = _result(name, argument, taken)
            if isinstance(made, tuple) and name in ("GLOBAL", "STACK_GLOBAL", "INST"):
                names.add(made[0])
                made = _Made(made)
            elif name == "BUILD" and isinstance(made, _Made) and made.of in _ARRAY_WRAPPERS:
                _skip_array(stream, made.state, names)
            elif name in ("INST", "OBJ") and taken and isinstance(taken[0], _Made):
                made = taken[0]
            stack.extend([made] * len(opcode.stack_after))


def _take(stack: list[Any], opcode: pickletools.OpcodeInfo) -> list[Any]:
    """Remove from the stack what the opcode takes, and return it without marks."""
    before = opcode.stack_before
    if pickletools.markobject in before:
        taken: list[Any] = []
        while (top := stack.pop()) is not _MARK:
            taken.append(top)
        below = before.index(pickletools.markobject)
        taken.extend(stack.pop() for _ in range(below))
    else:
        taken = [stack.pop() for _ in before]
    return taken[::-1]


def _result(name: str, argument: Any, taken: list[Any]) -> Any:
    """What an opcode puts on the stack, as far as it matters here."""
    if not taken:
        return _constant(name, argument)
    if name == "STACK_GLOBAL":
        module, attribute = taken
        if not (isinstance(module, str) and isinstance(attribute, str)):
            raise ValueError("a name that is made by the pickle itself")
        return module, attribute
    if name in ("REDUCE", "NEWOBJ", "NEWOBJ_EX") and isinstance(taken[0], _Made):
        return _Made(taken[0].of, taken[1])
    if name == "BUILD" and isinstance(taken[0], _Made) and isinstance(taken[1], dict):
        taken[0].state.update(taken[1])
    if name in ("SETITEM", "SETITEMS") and isinstance(taken[0], dict):
        keys, values = taken[1::2], taken[2::2]
        taken[0].update((key, value) for key, value in zip(keys, values, strict=True) if type(key) is str)
    if name in ("BUILD", "SETITEM", "SETITEMS"):
        return taken[0]
    if name == "DICT":
        return {key: value for key, value in zip(taken[::2], taken[1::2], strict=True) if type(key) is str}
    if name in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3") and len(taken) <= _LONGEST_TUPLE:
        return tuple(taken)
    return _UNKNOWN


def _constant(name: str, argument: Any) -> Any:
    """What an opcode puts on the stack that takes nothing from it."""
    if name in ("GLOBAL", "INST"):
        module, _, attribute = argument.partition(" ")
        return module, attribute
    if name in ("EMPTY_DICT", "DICT"):
        return {}
    if name in ("NONE", "NEWTRUE", "NEWFALSE"):
        return {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name]
    if name in ("EMPTY_TUPLE", "TUPLE"):
        return ()
    if isinstance(argument, int) or (isinstance(argument, str) and len(argument) <= _LONGEST_NAME):
        return argument
    return _UNKNOWN


def _skip_array(stream: IO[bytes], state: dict[Any, Any], names: set[str]) -> None:
    """Skip the content of an array that joblib wrote here; objects in it are a pickle of their own."""
    kind, size = _item_of(state["dtype"])
    if kind == "O":
        _read(stream, names)
        return
    if state.get("numpy_array_alignment_bytes") is not None:
        _skip(stream, _skip(stream, 1)[0])
    _skip(stream, size * math.prod(state["shape"]))


def _item_of(dtype: Any) -> tuple[str, int]:
    """Kind and bytes of one item of an array, from numpy's code such as ``f8``."""
    found = _ITEM.fullmatch(str(dtype.arguments[0]))
    if found is None:
        raise ValueError(f"an array of {dtype.arguments[0]!r}")
    return found[1], int(found[2]) * (4 if found[1] == "U" else 1)


def _skip(stream: IO[bytes], count: int) -> bytes:
    """Read ``count`` bytes and return the last ones."""
    last = b""
    while count > 0:
        last = stream.read(min(count, _SKIPPED_AT_ONCE))
        if not last:
            raise EOFError
        count -= len(last)
    return last
