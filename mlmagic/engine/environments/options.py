"""pip's options in an environment, as uv takes them: in a requirements file, or as arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

# pip's options that uv does not read in a requirements file, and uv's names for them.
_AS_ARGUMENTS = {"--pre": ("--prerelease", "allow"), "--trusted-host": ("--allow-insecure-host",)}


def without_arguments(options: Sequence[str]) -> Iterator[str]:
    """The options that uv reads in a requirements file."""
    return (line for line in options if line.split()[0] not in _AS_ARGUMENTS)


def arguments_of(options: Sequence[str]) -> Iterator[str]:
    """The other options, as arguments of uv."""
    for line in options:
        name, *rest = line.replace("=", " ", 1).split()
        if name in _AS_ARGUMENTS:
            yield from (*_AS_ARGUMENTS[name], *rest)
