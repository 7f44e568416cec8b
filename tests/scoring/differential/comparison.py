"""One script on two servers: what each answered, and where the answers differ."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import servers
from .exchange import Answer, Request, send
from .zoo import EVERYWHERE, Case

Start = Callable[..., AbstractContextManager[servers.Server]]

ABSENT = None


@dataclass(frozen=True)
class Difference:
    """``aspect`` is ``status``, ``body``, the name of a header, or ``start`` (an exit code each)."""

    script: str
    installed: bool
    """Ours had the real inference-schema."""
    request: Request
    aspect: str
    theirs: Any
    ours: Any
    their_answer: Answer | None
    our_answer: Answer | None

    def __str__(self) -> str:
        return (
            f"{self.script}{' (installed)' * self.installed} | {self.request.name} | {self.aspect}\n"
            f"    theirs {_shown(self.theirs)}\n    ours   {_shown(self.ours)}"
        )


@dataclass(frozen=True)
class Comparison:
    """All that was seen of one case."""

    requests: int
    differences: list[Difference]
    logs: str


NO_REQUEST = Request("the start")


def compare(case: Case, python: Path, *, installed: bool = False) -> Comparison:
    """Start both, ask both; ``installed`` puts ours where the real inference-schema is."""
    requests: tuple[Request, ...] = (*EVERYWHERE, *case.requests)
    with tempfile.TemporaryDirectory() as home:
        place = (case.path, Path(home), case.environment)
        with servers.ours(python if installed else servers.OUR_PYTHON, *place) as ours, \
             servers.reference(python, *place) as theirs:  # fmt: skip
            if theirs.port is None or ours.port is None:
                started = ({"start": theirs.exit_code}, {"start": ours.exit_code})
                differences = _differ(case, installed, NO_REQUEST, *started)
                requests = ()
            else:
                differences = []
                for request in requests:
                    there, here = send(theirs.port, request), send(ours.port, request)
                    differences += _differ(case, installed, request, there.aspects, here.aspects, there, here)
        return Comparison(len(requests), differences, f"--- theirs\n{theirs.log}\n--- ours\n{ours.log}")


def _differ(
    case: Case,
    installed: bool,
    request: Request,
    theirs: dict[str, Any],
    ours: dict[str, Any],
    their_answer: Answer | None = None,
    our_answer: Answer | None = None,
) -> list[Difference]:
    return [
        Difference(
            case.script, installed, request, aspect,
            theirs.get(aspect, ABSENT), ours.get(aspect, ABSENT), their_answer, our_answer,
        )
        for aspect in (*theirs, *(name for name in ours if name not in theirs))
        if theirs.get(aspect, ABSENT) != ours.get(aspect, ABSENT)
    ]  # fmt: skip


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 400 else f"{text[:400]}... ({len(text)} characters)"
