"""Why a deploy or an update failed or is not complete, as the error that the user sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mlmagic.core import advice
from mlmagic.core.advice import ACCEPT_NEAREST
from mlmagic.core.webservice import Webservice
from mlmagic.engine.services.reconcile.launcher import BUILD
from mlmagic.errors import Advice, LaunchFailed, MLMagicError, ScriptError, WaitTimeout


def failure_of(service: Webservice, last_lines: Callable[[], Iterable[str]]) -> MLMagicError:
    """The error of a service that failed, or whose update failed while the old revision keeps serving.

    ``last_lines`` reads the end of its log; it is called only where the record does not say enough.
    """
    record = dict(service.error or {})
    context = ""
    if service.serving is not None:
        context = (
            f"revision {record.get('revision')} of {service.name!r} failed, and revision "
            f"{service.serving} keeps serving: "
        )
    if record.get("phase") in ("import", "init", "warmup"):
        return ScriptError.from_record(record, context=context)
    if record.get("phase") == BUILD:
        log = str(record.get("traceback") or "")
    else:
        log = "\n".join(last_lines()) if not context else ""
    message = f"{context or repr(service.name) + ' failed: '}{record.get('message', service.words)}"
    hint = str(record.get("hint") or "")
    # The record has the text for notebooks; each front says it in its own words.
    return LaunchFailed(
        service.target, message, log=log, hint=ACCEPT_NEAREST if hint == ACCEPT_NEAREST else hint
    )


def still_waiting(service: Webservice, timeout: float) -> WaitTimeout:
    """The error of a deploy or an update that is not complete after ``timeout`` seconds."""
    return WaitTimeout(
        service.name,
        service.state,
        timeout,
        last_seen=service.words,
        hint=Advice(
            "It goes on; see {state} and {logs}.",
            state=advice.state(service.name),
            logs=advice.logs(service.name),
        ),
    )
