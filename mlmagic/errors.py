"""Everything that can go wrong, as one tree; each error says what was asked, what is true, what to do.

MLMagicError                       shown in a cell as one short message; ``hint`` says what to do
├─ UsageError                      the user asked for something that cannot be
│   ├─ NotFound                    no such model, service, script, file, target
│   ├─ AlreadyExists               the name is taken
│   ├─ InvalidConfig               a value breaks a rule: names the field, the value and the rule
│   ├─ InvalidConfigs              several of them at once
│   └─ WrongState                  the thing is there, but not in a state that allows the verb
├─ WorkspaceUnavailable            the workspace's database or file store cannot be used now
├─ CaptureError                    a cell uses something that cannot be captured
├─ ScriptError                     the user's script failed: shows the user's own traceback
├─ TargetError                     a compute target could not do what was asked
│   ├─ TargetUnavailable           the target itself is not there
│   ├─ LaunchFailed                the target refused or lost the service
│   ├─ Unschedulable               the target has no room
│   └─ NotSupported                the target lacks the capability
├─ BuildFailed                     an environment cannot be built; shows the builder's own words
├─ InvokeError                     the service answered a request with an error; the body is kept
├─ WaitTimeout                     a wait ended before the thing waited for; says what was last seen
├─ InvalidTransition               a service was about to change to a state that cannot follow: a bug of ours
└─ Interrupted                     the user pressed Ctrl-C; says what was undone
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


class MLMagicError(Exception):
    """The root: ``message`` says what is wrong, ``hint`` what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        if not self.hint:
            return self.message
        joint = " " if self.message.endswith((".", "!", "?")) else ". "
        return f"{self.message}{joint}{self.hint}"

    @property
    def kind_of_error(self) -> str:
        """Its name in the tree above."""
        return next(each.__name__ for each in type(self).__mro__ if each.__module__ == __name__)

    def _render_traceback_(self) -> list[str]:
        """IPython's hook: a cell shows this instead of a stack of our own frames."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(MLMagicError):
    """The request cannot be met as it stands; nothing was changed."""


class NotFound(UsageError):
    """No ``kind`` is called ``name``; ``known`` are those there are."""

    def __init__(self, kind: str, name: str, known: Iterable[str] = (), *, hint: str = "") -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        super().__init__(
            f"{kind[:1].upper()}{kind[1:]} not found: {name!r}",
            hint=hint or _nearest_or_all(kind, name, self.known),
        )


class AlreadyExists(UsageError):
    """A ``kind`` called ``name`` is there already."""

    def __init__(self, kind: str, name: str, *, hint: str = "") -> None:
        self.kind, self.name = kind, name
        super().__init__(f"{kind} {name!r} exists already", hint=hint)


class InvalidConfig(UsageError):
    """``field`` has ``value``, which breaks ``rule``."""

    def __init__(self, field: str, value: object, rule: str, *, hint: str = "") -> None:
        self.field, self.value, self.rule = field, value, rule
        super().__init__(f"{field} {value!r} {rule}", hint=hint)


class InvalidConfigs(UsageError):
    """The configuration of ``what`` has several ``violations``, told together."""

    def __init__(self, what: str, violations: Sequence[InvalidConfig]) -> None:
        self.what, self.violations = what, tuple(violations)
        lines = "".join(f"\n  {violation}" for violation in self.violations)
        count = "a value" if len(self.violations) == 1 else f"{len(self.violations)} values"
        super().__init__(f"{what} has {count} that cannot be:{lines}")


class WrongState(UsageError):
    """``service`` is in ``state``, which does not allow ``verb``."""

    def __init__(self, service: str, state: str, verb: str, *, hint: str = "") -> None:
        self.service, self.state, self.verb = service, state, verb
        super().__init__(f"cannot {verb} {service!r} while it is {state}", hint=hint)


class WorkspaceUnavailable(MLMagicError):
    """The workspace's database or its file store cannot be used here and now; the hint is the fix."""


class CaptureError(MLMagicError):
    """The cell uses ``name`` on ``line`` (1-based, of the cell), and it cannot be captured."""

    def __init__(self, message: str, *, name: str = "", line: int = 0, hint: str = "") -> None:
        self.name, self.line = name, line
        super().__init__(message, hint=hint)


_PHASES = {
    "import": "while it was imported",
    "init": "in init()",
    "warmup": "in run(), called with its own warmup sample",
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
        """Rebuild from what a scoring server wrote: keys phase, type, message, traceback."""
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
    """Compute target ``target`` could not do what was asked."""

    def __init__(self, target: str, message: str, *, hint: str = "") -> None:
        self.target = target
        super().__init__(message, hint=hint)


class TargetUnavailable(TargetError):
    """The target cannot be used here and now; ``fix`` says how it could be."""

    def __init__(self, target: str, message: str, *, fix: str = "") -> None:
        self.fix = fix
        super().__init__(target, message, hint=fix)


class LaunchFailed(TargetError):
    """The target did not bring the service up; ``log`` holds its last words."""

    def __init__(self, target: str, message: str, *, log: str = "", hint: str = "") -> None:
        self.log = log
        super().__init__(target, message, hint=hint)

    def __str__(self) -> str:
        return _with_details(super().__str__(), self.log)


class Unschedulable(TargetError):
    """The target has no room for what was ``wanted``."""

    def __init__(self, target: str, wanted: str, available: str, *, hint: str = "") -> None:
        self.wanted, self.available = wanted, available
        super().__init__(target, f"{target} has no room for {wanted}: {available}", hint=hint)


class NotSupported(TargetError):
    """The target lacks the capability for ``action``; see `mlmagic.targets.capabilities`."""

    def __init__(self, target: str, action: str) -> None:
        self.action = action
        super().__init__(target, f"target {target!r} cannot {action}", hint="Deploy to a target that can.")


class BuildFailed(MLMagicError):
    """An environment cannot be built; ``log`` holds the builder's own words."""

    def __init__(self, message: str, *, log: str = "", hint: str = "") -> None:
        self.log = log
        super().__init__(message, hint=hint)

    def __str__(self) -> str:
        return _with_details(super().__str__(), self.log)


class InvokeError(MLMagicError):
    """A service answered with HTTP ``status``; ``body`` is all it said, ``traceback`` the script's own."""

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
        answered = f"{service!r} answered {status}: " if status else f"{service!r}: "
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
    """The user interrupted a verb; the message says what was undone."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The name in ``known`` most like ``name``, or ``""``."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)), "")


def nearest_option(word: str, options: Iterable[str]) -> str:
    """The option in ``options`` that ``word`` abbreviates or misspells, or ``""``."""
    known = list(options)
    abbreviated = [option for option in known if option.startswith(word)]
    return min(abbreviated, key=len, default="") or nearest(word, known)


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
