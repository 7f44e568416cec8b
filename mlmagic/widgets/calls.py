"""Calls from a component in the browser, whatever carries them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlmagic.widgets.background import reported

Answers = Mapping[str, Callable[[Mapping[str, Any]], Any]]
"""By verb, what carries out a call: takes its values by name, returns what JSON can hold."""


def outcome(answers: Answers, verb: object, values: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a call; returns its ``value``, or the ``error`` as text."""
    answer = answers.get(str(verb))
    if answer is None:
        return {"error": f"Unknown action: {str(verb)!r}. Run the cell again."}
    try:
        return {"value": answer(values)}
    except Exception as error:
        return {"error": reported(str(verb), error)}
