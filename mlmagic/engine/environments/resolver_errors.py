"""Short versions of uv's errors for conflicting requirements, with the two requirements side by side.

uv explains a conflict in sentences only: ``uv pip install --output-format json`` writes JSON for a resolution
that it found, and nothing for one that it did not (uv 0.13). So the sentences are parsed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlmagic.core.environment import package_name

_MARKS = re.compile(r"^[\s×│├╰─▶]+")
_BEGINS = re.compile(r"^(error|cause|hint): ?", re.IGNORECASE)
_STARTS_ERROR = re.compile(r"\s*(?:×|error:)", re.IGNORECASE)
_PROGRESS = re.compile(
    r"(?:Resolved|Prepared|Building|Built|Downloading|Downloaded|Updating|Updated|Uninstalled|Installed) "
)
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Exit)\b.*")
_REQUIREMENT = r"[A-Za-z0-9][\w.\[\]-]*(?:(?:[<>=!~]=?|===)[\w.*+!,<>=~-]*[\w*])?"
_DEPENDS = re.compile(rf"({_REQUIREMENT}) depends on ({_REQUIREMENT})")
_REQUIRE = re.compile(rf"you require ({_REQUIREMENT})(?: and ({_REQUIREMENT}))?")
_CONCLUSION = re.compile(r",? we can conclude that .*?(?=(?: And because |$))")
_TRIVIAL = re.compile(rf"And because you require {_REQUIREMENT}(?: and {_REQUIREMENT})?")
_LEFT_OUT = ("Using Python", "No solution found", "warning:")
WORDS_LIMIT = 600


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a conflict: a requirement, and the package or person that requires it."""

    requirement: str
    by: str

    def __str__(self) -> str:
        return f"{self.requirement} ({self.by})"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an environment cannot be built."""

    words: str
    """The resolver's message, shortened to a paragraph."""
    sides: tuple[Side, ...] = ()
    """The two requirements of one package that exclude each other; empty if the message names none."""
    exception: str = ""
    """The last exception of a package's own build; empty if none is shown."""

    @property
    def line(self) -> str:
        """The reason in one line."""
        if self.sides:
            return f"{self.sides[0]} and {self.sides[1]} exclude each other"
        first = self.words.partition("\n")[0]
        return f"{first}: {self.exception}" if self.exception and self.exception != first else first

    @property
    def table(self) -> str:
        """The two requirements in columns; empty without a conflict of two."""
        width = max((len(side.requirement) for side in self.sides), default=0)
        return "\n".join(f"{side.requirement.ljust(width)}  {side.by}" for side in self.sides)


def refusal(output: str, server: Sequence[str] = ()) -> Refusal:
    """Parse uv's output; ``server`` are the scoring server's requirements, the others are the user's."""
    text = _explanation(output)
    exceptions = [line for line in text.splitlines() if _EXCEPTION.fullmatch(line)]
    return Refusal(_shortened(text), _sides(text, server), exceptions[-1] if exceptions else "")


def _explanation(output: str) -> str:
    """The sentences that explain the error, one a line, without marks and the lines before them."""
    lines: list[str] = []
    shown = output.splitlines()
    begin = next((at for at, line in enumerate(shown) if _STARTS_ERROR.match(line)), 0)
    for raw in shown[begin:]:
        line = _MARKS.sub("", raw).strip()
        is_new = bool(_BEGINS.match(line)) or not lines
        line = _BEGINS.sub("", line)
        if not line or _PROGRESS.match(line) or line.startswith(_LEFT_OUT):
            continue
        if is_new or line.startswith("And because"):
            lines.append(line)
        else:
            lines[-1] += f" {line}" if lines[-1].startswith(("Because", "And because")) else f"\n{line}"
    return "\n".join(lines)


def _shortened(text: str) -> str:
    """The text without trivial conclusions, at most `WORDS_LIMIT` characters long."""
    lines = (_CONCLUSION.sub("", line).strip() for line in text.splitlines())
    short = "\n".join(line for line in lines if line and not _TRIVIAL.fullmatch(line))
    if len(short) <= WORDS_LIMIT:
        return short
    # The reason for a package's failed build stands at the end.
    return f"{short[: WORDS_LIMIT // 3].rstrip()}\n...\n{short[-2 * WORDS_LIMIT // 3 :].lstrip()}"


def _sides(text: str, server: Sequence[str]) -> tuple[Side, ...]:
    found: dict[str, list[Side]] = {}
    for side in _required(text, server):
        of_it = found.setdefault(package_name(side.requirement), [])
        if side.requirement not in [other.requirement for other in of_it]:
            of_it.append(side)
    return next((tuple(sides[:2]) for sides in found.values() if len(sides) > 1), ())


def _required(text: str, server: Sequence[str]) -> Iterator[Side]:
    for found in _REQUIRE.finditer(text):
        for requirement in filter(None, found.groups()):
            yield Side(requirement, "the scoring server" if requirement in server else "requested")
    for found in _DEPENDS.finditer(text):
        yield Side(found[2], found[1])
