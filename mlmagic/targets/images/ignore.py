"""``.dockerignore``: the files of a folder that a build context leaves out.

Source: docs.docker.com/build/concepts/context ("dockerignore files"): patterns of Go's ``filepath.Match``,
and ``**`` for any number of folders; the last line that fits decides; ``!`` takes back; what lies below a
match matches, too.

A library for .gitignore files, such as pathspec, cannot express these rules: there ``[!a]`` is a negation and
``a**b`` stays within a folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from posixpath import normpath

FILE = ".dockerignore"
_WILDCARD = re.compile(r"[*?\[\]\\]")


def ignored(text: str) -> Callable[[str], bool]:
    """A function that returns whether the rules in ``text`` leave out a path, relative and with slashes."""
    rules = list(_rules(text))

    def leaves_out(path: str) -> bool:
        out = False
        for excludes, pattern in rules:
            if pattern.match(path):
                out = excludes
        return out

    return leaves_out


def _rules(text: str) -> Iterator[tuple[bool, re.Pattern[str]]]:
    for line in text.lstrip("\ufeff").splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        excludes = not line.startswith("!")
        cleaned = normpath(line.lstrip("!").strip()).lstrip("/")
        if cleaned not in ("", "."):
            yield excludes, re.compile(_expression(cleaned) + r"(/.*)?\Z", re.DOTALL)


def _expression(pattern: str) -> str:
    made, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            made, at = made + "(.*/)?", at + 3
        elif pattern.startswith("**", at):
            # Docker: whole folders, but any text before an end without wildcards.
            rest = pattern[at + 2 :]
            any_text = not rest or (at == 0 and not _WILDCARD.search(rest))
            made, at = made + (".*" if any_text else "(.*/)?"), at + 2
        elif pattern[at] == "*":
            made, at = made + "[^/]*", at + 1
        elif pattern[at] == "?":
            made, at = made + "[^/]", at + 1
        elif pattern[at] == "[" and "]" in pattern[at:]:
            end = pattern.index("]", at)
            made, at = made + "[" + pattern[at + 1 : end] + "]", end + 1
        elif pattern[at] == "\\" and at + 1 < len(pattern):
            made, at = made + re.escape(pattern[at + 1]), at + 2
        else:
            made, at = made + re.escape(pattern[at]), at + 1
    return made
