"""All exceptions, as one tree. Each message says what happened and why, and what to do about it.

MLMagicError                       shown in a cell as one short message; ``hint`` says what to do
├─ UsageError                      the request cannot be met; nothing was changed
│   ├─ NotFound                    a model, service, script, file or target does not exist
│   ├─ AlreadyExists               the name is taken
│   ├─ InvalidConfig               a value breaks a rule; has the field, the value and the rule
│   ├─ InvalidConfigs              several invalid values
│   └─ WrongState                  the state of the service does not allow the operation
├─ WorkspaceUnavailable            the workspace's database or file store is unavailable
├─ CaptureError                    a cell uses something that cannot be captured
├─ ScriptError                     the user's script failed; has the script's traceback
├─ TargetError                     a compute target failed
│   ├─ TargetUnavailable           the target cannot be reached
│   ├─ LaunchFailed                the target did not start the service
│   │   └─ PortTaken               its port is in use
│   ├─ Unschedulable               the target lacks CPU or memory
│   └─ NotSupported                the target lacks the capability
├─ BuildFailed                     an environment cannot be built; has the build log
├─ InvokeError                     the service answered a request with an error; has the body
├─ WaitTimeout                     a wait timed out; has the last state
├─ InvalidTransition               an illegal change of state: a bug in mlmagic
└─ Interrupted                     the user pressed Ctrl-C; the message says what was undone
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Self

from mlmagic.visible_text import visible


class Front(StrEnum):
    """Where a message is read: below a magic, in a shell, or in a program that uses the SDK."""

    MAGIC = "magic"
    COMMAND = "command"
    SDK = "sdk"


class Way(NamedTuple):
    """One thing to do, as it is written for each front; see `mlmagic.core.advice`."""

    magic: str
    command: str
    sdk: str


class Advice(str):
    """A text that says what to do, in the words of one front; `on` is the same text for another front.

    The template has the names of its parts in braces. A part is a `Way`, or text that is the same everywhere.
    """

    __slots__ = ("_parts", "_template")
    _template: str
    _parts: dict[str, Way | str]

    def __new__(cls, template: str, front: Front = Front.MAGIC, /, **parts: Way | str) -> Self:
        written = {
            name: written_for(front, part) if isinstance(part, str) else str(getattr(part, front))
            for name, part in parts.items()
        }
        made = super().__new__(cls, template.format(**written))
        made._template, made._parts = template, parts
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Way | str]]:
        return (self._template,), self._parts

    def on(self, front: Front) -> Advice:
        """The text for ``front``."""
        return Advice(self._template, front, **self._parts)


def written_for(front: Front, text: str) -> str:
    """``text``, for ``front`` if it is an `Advice`."""
    return text.on(front) if isinstance(text, Advice) else text


class MLMagicError(Exception):
    """The base of all mlmagic errors: ``message`` says what happened, ``hint`` what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        if not self.hint:
            return self.message
        joint = " " if self.message.endswith((".", "!", "?")) else ". "
        return f"{self.message}{joint}{self.hint}"

    def write_for(self, front: Front) -> None:
        """Give the advice of the error for ``front``: the one at which the error leaves mlmagic."""
        self.hint = written_for(front, self.hint)

    @property
    def kind_of_error(self) -> str:
        """The name of the class in the tree above; that of the nearest base for a subclass from elsewhere."""
        return next(each.__name__ for each in type(self).__mro__ if each.__module__ == __name__)

    def _render_traceback_(self) -> list[str]:
        """IPython's hook: a cell shows this instead of a stack of our own frames."""
        return [visible(f"{type(self).__name__}: {self}")]


class UsageError(MLMagicError):
    """The request cannot be met; nothing was changed."""


class NotFound(UsageError):
    """There is no ``kind`` named ``name``; ``known`` are the existing names."""

    def __init__(self, kind: str, name: str, known: Iterable[str] = (), *, hint: str = "") -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        super().__init__(
            f"{kind[:1].upper()}{kind[1:]} not found: {name!r}",
            hint=hint or _nearest_or_all(kind, name, self.known),
        )


class AlreadyExists(UsageError):
    """A ``kind`` named ``name`` already exists."""

    def __init__(self, kind: str, name: str, *, hint: str = "") -> None:
        self.kind, self.name = kind, name
        super().__init__(f"{kind[:1].upper()}{kind[1:]} {name!r} already exists", hint=hint)


class InvalidConfig(UsageError):
    """The ``value`` of ``field`` breaks ``rule``."""

    def __init__(self, field: str, value: object, rule: str, *, hint: str = "") -> None:
        self.field, self.value, self.rule = field, value, rule
        super().__init__(f"{field} {value!r} {rule}", hint=hint)


class InvalidConfigs(UsageError):
    """The configuration of ``what`` has several ``violations``, reported together."""

    def __init__(self, what: str, violations: Sequence[InvalidConfig]) -> None:
        self.what, self.violations = what, tuple(violations)
        super().__init__(self._lines())

    def write_for(self, front: Front) -> None:
        before = self._lines()
        for violation in self.violations:
            violation.write_for(front)
        self.message = self.message.replace(before, self._lines())  # it may begin with other words by now
        self.args = (self.message,)

    def _lines(self) -> str:
        lines = "".join(f"\n  {violation}" for violation in self.violations)
        count = "an invalid value" if len(self.violations) == 1 else f"{len(self.violations)} invalid values"
        return f"{self.what} has {count}:{lines}"


class WrongState(UsageError):
    """``service`` is in ``state``, which does not allow ``verb``."""

    def __init__(self, service: str, state: str, verb: str, *, hint: str = "") -> None:
        self.service, self.state, self.verb = service, state, verb
        super().__init__(f"cannot {verb} {service!r} while it is {state}", hint=hint)


class WorkspaceUnavailable(MLMagicError):
    """The workspace's database or its file store is unavailable; ``hint`` says how to fix it."""


class CaptureError(MLMagicError):
    """A cell cannot be captured because of ``name`` on ``line`` (of the cell, from 1)."""

    def __init__(self, message: str, *, name: str = "", line: int = 0, hint: str = "") -> None:
        self.name, self.line = name, line
        super().__init__(message, hint=hint)


_PHASES = {
    "import": "during import",
    "init": "in init()",
    "warmup": "in run() during warmup",
    "run": "in run()",
}


class ScriptError(MLMagicError):
    """The user's script failed while in ``phase`` (``import``, ``init``, ``warmup`` or ``run``)."""

    def __init__(self, phase: str, message: str, traceback: str = "", *, hint: str = "") -> None:
        self.phase, self.traceback = phase, traceback
        super().__init__(message, hint=hint)

    def __str__(self) -> str:
        return _with_details(super().__str__(), self.traceback)

    @classmethod
    def from_record(cls, record: dict[str, Any], *, context: str = "") -> ScriptError:
        """Rebuild the error from a scoring server's record with the keys phase, type, message, traceback."""
        phase = str(record.get("phase") or "init")
        what = f"{record.get('type', 'Error')}: {record.get('message', '')}"
        where = _PHASES.get(phase, f"in {phase}")
        return cls(
            phase,
            f"{context}the script failed {where}: {what}",
            str(record.get("traceback") or ""),
            hint=str(record.get("hint") or ""),
        )


class TargetError(MLMagicError):
    """The compute target ``target`` failed."""

    def __init__(self, target: str, message: str, *, hint: str = "") -> None:
        self.target = target
        super().__init__(message, hint=hint)


class TargetUnavailable(TargetError):
    """The target cannot be reached; ``fix`` says what to do."""

    def __init__(self, target: str, message: str, *, fix: str = "") -> None:
        self.fix = fix
        super().__init__(target, message, hint=fix)


class LaunchFailed(TargetError):
    """The target did not start the service; ``log`` has the last log lines."""

    def __init__(self, target: str, message: str, *, log: str = "", hint: str = "") -> None:
        self.log = log
        super().__init__(target, message, hint=hint)

    def __str__(self) -> str:
        return _with_details(super().__str__(), self.log)


class PortTaken(LaunchFailed):
    """Another program uses the port that the service is to have; it may be free later."""

    def __init__(self, target: str, port: int, where: str, *, hint: str = "") -> None:
        self.port = port
        super().__init__(target, f"port {port} is in use{where}", hint=hint)


class Unschedulable(TargetError):
    """The target has less CPU or memory ``available`` than ``wanted``."""

    def __init__(self, target: str, wanted: str, available: str, *, hint: str = "") -> None:
        self.wanted, self.available = wanted, available
        super().__init__(target, f"Not enough resources on {target!r} for {wanted}: {available}", hint=hint)


class NotSupported(TargetError):
    """The target lacks the capability for ``action``; see `mlmagic.targets.capabilities`."""

    def __init__(self, target: str, action: str) -> None:
        self.action = action
        super().__init__(
            target, f"target {target!r} cannot {action}", hint="Deploy to a target that supports it."
        )


class BuildFailed(MLMagicError):
    """An environment cannot be built; ``log`` has the build log."""

    def __init__(self, message: str, *, log: str = "", hint: str = "") -> None:
        self.log = log
        super().__init__(message, hint=hint)

    def __str__(self) -> str:
        return _with_details(super().__str__(), self.log)


class InvokeError(MLMagicError):
    """A service answered a request with the HTTP ``status`` and ``body``; has the script's ``traceback``."""

    def __init__(
        self,
        service: str,
        status: int,
        body: str,
        *,
        headers: dict[str, str] | None = None,
        message: str = "",
        traceback: str = "",
        hint: str = "",
    ) -> None:
        self.service, self.status, self.body, self.traceback = service, status, body, traceback
        self.headers = headers or {}
        answered = f"{service!r} returned HTTP {status}: " if status else f"{service!r}: "
        super().__init__(answered + (message or body), hint=hint)

    def __str__(self) -> str:
        return _with_details(super().__str__(), self.traceback)


class WaitTimeout(MLMagicError):
    """``service`` was still in ``state`` after ``waited`` seconds."""

    def __init__(
        self, service: str, state: str, waited: float, *, last_seen: str = "", hint: str = ""
    ) -> None:
        self.service, self.state, self.waited, self.last_seen = service, state, waited, last_seen
        seen = f" (last seen: {last_seen})" if last_seen else ""
        super().__init__(f"{service!r} is still {state} after {waited:g} s{seen}", hint=hint)


class InvalidTransition(MLMagicError):
    """A service in state ``before`` cannot change to ``after``."""

    def __init__(self, before: str, after: str) -> None:
        self.before, self.after = before, after
        super().__init__(f"a service cannot change from {before} to {after}")


class Interrupted(MLMagicError):
    """The user interrupted an operation; the message says what was undone."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The name in ``known`` most like ``name``, or ``""``."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)), "")


def nearest_option(word: str, options: Iterable[str]) -> str:
    """The option in ``options`` that ``word`` abbreviates or misspells, or ``""``."""
    known = list(options)
    abbreviated = [option for option in known if option.startswith(word)]
    longer = [option for option in known if option.endswith(f"-{word.lstrip('-')}")] if word[2:] else []
    return min(abbreviated or longer, key=len, default="") or nearest(word, known)


def _with_details(text: str, details: str) -> str:
    return f"{text}\n\n{details.rstrip()}" if details else text


def _nearest_or_all(kind: str, name: str, known: tuple[str, ...]) -> str:
    match = nearest(name, known)
    if match:
        return f"Did you mean {match!r}?"
    if not known:
        return f"No {kind} exists yet."
    shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    return f"Available: {shown}."
