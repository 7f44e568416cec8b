"""Requests that are sent from a card, and their responses for display."""

from __future__ import annotations

import json
from typing import Any

from mlmagic.core.parity import Answer
from mlmagic.visible_text import visible

MOST_SHOWN = 10_000
"""Characters of a response."""


def answered(answer: Answer) -> dict[str, Any]:
    """Status (0 without a response), milliseconds and readable body."""
    return {
        "status": answer.status or 0,
        "milliseconds": answer.milliseconds,
        "body": visible(readable(answer.body)),
    }


def readable(body: str) -> str:
    """A response body for display: a JSON object is indented, a long body is cut."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    # A traceback within JSON is to be read as one.
    error = value.get("error") if isinstance(value, dict) else None
    if isinstance(error, dict) and error.get("traceback"):
        body = f"{error.get('type')}: {error.get('message')}\n{error['traceback']}"
    elif isinstance(value, dict):
        body = json.dumps(value, indent=1, ensure_ascii=False)
    if len(body) <= MOST_SHOWN:
        return body
    return f"{body[:MOST_SHOWN]}\n... and {len(body) - MOST_SHOWN} more characters"
