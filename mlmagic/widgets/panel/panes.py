"""The panes of a card that only show: each is drawn alone, so that none resets another."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets

from mlmagic.widgets import figures, html
from mlmagic.widgets.panel.state import ServiceState


class Pane(widgets.HTML):
    """A pane that is drawn anew when one of ``shows`` changes."""

    shows: tuple[str, ...] = ()

    def __init__(self, name: str, model: ServiceState) -> None:
        super().__init__()
        self._name, self._model = name, model
        model.observe(self._draw, list(self.shows))
        self._draw()

    def markup(self) -> str:
        """What there is to see, as HTML."""
        raise NotImplementedError

    def _draw(self, _change: Any = None) -> None:
        self.value = self.markup()


class StatusPane(Pane):
    """State and address: said at once to who does not see it."""

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


class FiguresPane(Pane):
    """Traffic, latency and use. It changes every second, and so is not said."""

    shows = ("stats", "lasting")

    def markup(self) -> str:
        model = self._model
        words = " · ".join(filter(None, [model.lasting, figures.in_words(model.stats)]))
        return html.group(f"Figures of {self._name}", f"{escape(words)} {figures.sparkline(model.latencies)}")


class ErrorPane(Pane):
    """The script's own traceback, of the last failure: to come up, or else to answer."""

    shows = ("traceback", "failure")

    def markup(self) -> str:
        text = self._model.traceback or self._model.failure
        if not text:
            return ""
        return html.group(f"Last error of {self._name}", f"Last error:{html.pre(text)}")


class HistoryPane(Pane):
    """What happened to it."""

    shows = ("history",)

    def markup(self) -> str:
        lines = "".join(f"<li>{escape(line)}</li>" for line in self._model.history)
        return html.group(
            f"History of {self._name}", f'<ol style="list-style:none;margin:0;padding:0">{lines}</ol>'
        )
