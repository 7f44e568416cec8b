"""The times of a drift check that compares requests with earlier ones of the same service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlmagic.core import advice
from mlmagic.core.moments import moment
from mlmagic.errors import Advice, InvalidConfig

BASELINE_SINCE, BASELINE_UNTIL, SINCE = "baseline_since", "baseline_until", "since"
_RULE = "the baseline must end before the data to compare begins"


@dataclass(frozen=True, slots=True)
class Windows:
    """The baseline's window, and where the data to compare begins, which is not before the baseline's end."""

    baseline_since: datetime | None
    """None: all that was collected before ``baseline_until``."""
    baseline_until: datetime
    since: datetime

    @property
    def baseline_name(self) -> str:
        """The baseline's name for people."""
        until = _text(self.baseline_until)
        if self.baseline_since is None:
            return f"the requests before {until} UTC"
        return f"the requests of {_text(self.baseline_since)} to {until} UTC"


def windows_of(given: Mapping[str, Any], now: datetime) -> Windows | None:
    """The windows of the texts of these options by name; None without a window of the baseline.

    A baseline without an end ends at ``since``, and the data to compare begins at its end if ``since`` is not
    given. Raises `InvalidConfig`, also for windows that overlap.
    """
    texts = {name: given.get(name) for name in (BASELINE_SINCE, BASELINE_UNTIL, SINCE)}
    if texts[BASELINE_SINCE] is None and texts[BASELINE_UNTIL] is None:
        return None
    times = {name: moment(name, text, now) if text is not None else None for name, text in texts.items()}
    begin, until, since = times[BASELINE_SINCE], times[BASELINE_UNTIL], times[SINCE]
    end, end_text = (until, texts[BASELINE_UNTIL]) if until is not None else (since, texts[SINCE])
    if end is None:
        raise _wrong(texts, BASELINE_SINCE, f"has no end, and {_RULE}", SINCE, "24h")
    if since is not None and end > since:
        rule = f"is after {texts[SINCE]}, and {_RULE}"
        raise _wrong(texts, BASELINE_UNTIL, rule, BASELINE_UNTIL, texts[SINCE])
    if begin is not None and begin >= end:
        raise InvalidConfig(
            BASELINE_SINCE,
            texts[BASELINE_SINCE],
            f"must be before {end_text}, where the baseline ends",
            hint="Choose an earlier time, or leave it out for all requests before.",
        )
    return Windows(begin, end, since or end)


def _wrong(texts: Mapping[str, Any], name: str, rule: str, fix: str, value: Any) -> InvalidConfig:
    hint = Advice("For example {example}.", example=advice.drift_option(fix, value))
    return InvalidConfig(name, texts[name], rule, hint=hint)


def _text(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
