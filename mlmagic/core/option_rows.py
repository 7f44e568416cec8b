"""Options that a magic and a command of the shell have alike: each is one row of a table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One option."""

    name: str
    options: tuple[str, ...]
    help: str
    metavar: str = ""
    """The name of its value in a help text; empty for a flag."""
    in_shell: tuple[str, ...] = ()
    """Options that it has in a shell alone: a magic has others of that name."""
    in_magic: tuple[str, ...] = ()
    """Options that it has in a magic alone: commands have others of that name."""
