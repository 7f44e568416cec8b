"""Looking into a widget: what it shows, and what can be pressed in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets as widgets


def inside(widget: Any) -> Iterator[Any]:
    """The widget and all below it that is shown."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)


def markup_of(widget: Any) -> str:
    """All HTML in it."""
    return "\n".join(each.value for each in inside(widget) if isinstance(each, widgets.HTML))


def named(widget: Any, name: str) -> str:
    """The HTML of the pane whose accessible name is ``name``; empty while there is none."""
    panes = [each.value for each in inside(widget) if isinstance(each, widgets.HTML)]
    return next((pane for pane in panes if f'aria-label="{name}"' in pane), "")


def controls(widget: Any) -> dict[str, Any]:
    """What can be pressed, chosen or filled in, by description."""
    return {
        each.description: each
        for each in inside(widget)
        if not isinstance(each, widgets.HTML | widgets.Box) and hasattr(each, "description")
    }
