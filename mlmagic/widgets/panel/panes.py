"""The read-only panes of a card. Each is redrawn alone, so that none resets another."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from mlmagic.widgets import figures, html
from mlmagic.widgets.html import escape
from mlmagic.widgets.panel.state import ServiceState


class Pane(widgets.HTML):
    """A pane that is redrawn when one of the traits in ``shows`` changes."""

    shows: tuple[str, ...] = ()

    def __init__(self, name: str, model: ServiceState) -> None:
        super().__init__()
        self._name, self._model = name, model
        model.observe(self._draw, list(self.shows))
        self._draw()

    def markup(self) -> str:
        """The content as HTML."""
        raise NotImplementedError

    def _draw(self, _change: Any = None) -> None:
        self.value = self.markup()


class StatusPane(Pane):
    """State, revision and address; screen readers announce changes."""

    shows = ("state", "words", "endpoint", "serving")

    def markup(self) -> str:
        model = self._model
        where = html.link(model.endpoint) if model.endpoint else ""
        revision = model.serving[0] if model.serving else None
        what = f"revision {revision}" if revision is not None and not model.gone else ""
        return (
            f'<div role="status" aria-live="polite" aria-label="{escape(self._name)}" style="{html.FONT}">'
            f"Live: {html.state_badge(model.state)} {what} {escape(model.words)} {where}</div>"
        )


class MetricsPane(Pane):
    """Traffic, latency and usage. They change every second, so screen readers do not announce them."""

    shows = ("stats", "lasting")

    def markup(self) -> str:
        model = self._model
        words = " · ".join(filter(None, [model.lasting, figures.in_words(model.stats)]))
        return html.group(f"Metrics of {self._name}", f"{escape(words)} {figures.sparkline(model.latencies)}")


class ErrorPane(Pane):
    """The traceback of the last failed start, or of the last failed request."""

    shows = ("traceback", "failure")

    def markup(self) -> str:
        text = self._model.traceback or self._model.failure
        if not text:
            return ""
        return html.group(f"Last error of {self._name}", f"Last error:{html.pre(text)}")


class EventsPane(Pane):
    """The latest events of the service."""

    shows = ("events",)

    def markup(self) -> str:
        lines = "".join(f"<li>{escape(line)}</li>" for line in self._model.events)
        return html.group(
            f"Events of {self._name}", f'<ol style="list-style:none;margin:0;padding:0">{lines}</ol>'
        )
