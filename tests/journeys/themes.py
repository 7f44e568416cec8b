"""Light and dark, wide and narrow: accessibility checks, and pictures that are left to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.journeys.accessibility import violations
from tests.support.browser import ARTIFACTS
from tests.support.jupyter_clients import Client

THEMES = ("Light", "Dark")
ALL_THEMES = (*THEMES, "Dark High Contrast")


def check_themes(
    lab: Client,
    page: Any,
    name: str,
    *,
    widths: Sequence[int],
    height: int,
    themes: Sequence[str] = THEMES,
    part: Any = None,
) -> None:
    """Assert that there are no serious violations.

    The names of the pictures, of ``part`` or of the whole page, begin with ``name``.
    """
    for theme in themes:
        lab.use_theme(theme)
        for width in widths:
            page.set_viewport_size({"width": width, "height": height})
            assert violations(page) == []
            file = f"{name}-{theme.lower().replace(' ', '-')}-{width}.png"
            (part or page).screenshot(path=ARTIFACTS / file)
