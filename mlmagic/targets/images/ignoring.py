"""What a .dockerignore leaves out, by Docker's own rules.

Patterns are matched from the folder's root; ``**`` is any number of folders, a later line counts more than an
earlier one, ``!`` takes back, and what lies in a folder that is left out is left out.
Source: the documents of Docker on .dockerignore files.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

NAME = ".dockerignore"
Rule = tuple[re.Pattern[str], bool]
"""What it matches, and whether that is left out."""


def rules_of(text: str) -> list[Rule]:
    """The rules of a file, in order."""
    found = []
    for line in text.splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        leaves_out = not pattern.startswith("!")
        pattern = posixpath.normpath(pattern.lstrip("!").strip()).lstrip("/")
        if pattern not in ("", "."):
            found.append((re.compile(_expression(pattern)), leaves_out))
    return found


def is_left_out(path: str, rules: Sequence[Rule]) -> bool:
    """Whether a file at ``path`` (relative, with slashes) is left out."""
    decided = False
    for pattern, leaves_out in rules:
        if any(pattern.fullmatch(part) for part in _with_folders(path)):
            decided = leaves_out
    return decided


def kept(paths: Iterable[str], ignore_file: str) -> list[str]:
    """Those that a .dockerignore of this text does not leave out."""
    rules = rules_of(ignore_file)
    return [path for path in paths if not is_left_out(path, rules)]


def _with_folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _expression(pattern: str) -> str:
    made, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            made, at = f"{made}(?:.*/)?", at + 3
        elif pattern.startswith("**", at):
            made, at = f"{made}.*", at + 2
        elif pattern[at] == "*":
            made, at = f"{made}[^/]*", at + 1
        elif pattern[at] == "?":
            made, at = f"{made}[^/]", at + 1
        elif pattern[at] == "[" and "]" in pattern[at + 2 :]:
            end = pattern.index("]", at + 2)
            inner = pattern[at + 1 : end].replace("\\", "\\\\")
            made, at = f"{made}[{'^' + inner[1:] if inner[0] in '!^' else inner}]", end + 1
        elif pattern[at] == "\\" and at + 1 < len(pattern):
            made, at = made + re.escape(pattern[at + 1]), at + 2
        else:
            made, at = made + re.escape(pattern[at]), at + 1
    return made
