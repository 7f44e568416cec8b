"""The live panel of one service: state, latency and log, for as long as kernel and service live.

Its state is traits; a bus subscriber sets them from a thread (a thread may set traits, and must never print
or display), and stock ipywidgets draw them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
from traitlets import Float, HasTraits, List, Unicode

from mlmagic.core.events import Event, service_subject
from mlmagic.core.webservice import State, Webservice
from mlmagic.engine.engine import Engine
from mlmagic.errors import NotFound
from mlmagic.widgets import cards, html

POINTS = 60
LOG_LINES = 12


class ServiceState(HasTraits):
    """What the panel shows, without how."""

    state = Unicode("Transitioning")
    words = Unicode("")
    traffic = Unicode("no requests yet")
    latencies = List(Float())
    log = Unicode("")


class ServicePanel(widgets.VBox):
    """Live view of one service; `close_panel` ends it, and so does the service's deletion."""

    def __init__(self, engine: Engine, service: Webservice) -> None:
        self._engine, self._name, self._id = engine, service.name, service.id
        self.model = ServiceState()
        self._points: deque[float] = deque(maxlen=POINTS)
        # Several panes, so that an update of one does not reset the others (a log's scroll position, say).
        self._state_pane = widgets.HTML()
        self._latency_pane = widgets.HTML()
        self._log_pane = widgets.HTML()
        figures = widgets.HBox(
            [self._state_pane, self._latency_pane],
            layout=widgets.Layout(flex_flow="row wrap", align_items="center", grid_gap="0 14px"),
        )
        super().__init__([figures, self._log_pane])
        self.model.observe(self._draw_state, ["state", "words"])
        self.model.observe(self._draw_latency, ["traffic", "latencies"])
        self.model.observe(self._draw_log, ["log"])
        self._refresh(service)
        self._draw_state()
        self._draw_latency()
        self._draw_log()
        self._unsubscribe: Callable[[], None] = engine.bus.subscribe(self._hear)

    def close_panel(self) -> None:
        """Stop listening; the last picture stays."""
        self._unsubscribe()

    def __repr__(self) -> str:
        # What is left of the panel in a saved notebook: the card above it tells the rest.
        return f"{self._name}: live panel (it needs a running kernel)"

    def _hear(self, news: Sequence[Event]) -> None:
        """In the bus's thread: set traits, nothing else."""
        try:
            service = self._engine.service(self._name)
            if service.id == self._id:
                mine = any(event.subject == service_subject(self._name) for event in news)
                self._refresh(service, read_log=mine or bool(service.stats))
                return
        except NotFound:
            pass  # deleted, perhaps while we looked
        self.model.state, self.model.words = str(State.STOPPED), "deleted"
        self._unsubscribe()

    def _refresh(self, service: Webservice, *, read_log: bool = True) -> None:
        model = self.model
        model.state, model.words = str(service.state), cards.status(service)
        traffic = cards.traffic(service.stats)
        if traffic != model.traffic and "p50_ms" in service.stats:
            self._points.append(float(service.stats["p50_ms"]))
            model.latencies = list(self._points)
        model.traffic = traffic
        if read_log:
            model.log = "\n".join(self._engine.logs(self._name, tail=LOG_LINES))

    def _draw_state(self, _change: Any = None) -> None:
        model = self.model
        # The card above says where it is; this says how it is now.
        self._state_pane.value = (
            f'<div role="status" aria-live="polite" aria-label="{escape(self._name)}" style="{html.FONT}">'
            f"Live: {html.state_badge(model.state)} {escape(model.words)}</div>"
        )

    def _draw_latency(self, _change: Any = None) -> None:
        self._latency_pane.value = (
            f'<div style="{html.FONT}">{escape(self.model.traffic)} {sparkline(self.model.latencies)}</div>'
        )

    def _draw_log(self, _change: Any = None) -> None:
        self._log_pane.value = html.pre(self.model.log) if self.model.log else ""


def sparkline(values: Sequence[float], width: int = 160, height: int = 24) -> str:
    """The values (milliseconds) as a small SVG line; empty for fewer than two."""
    if len(values) < 2:
        return ""
    top = max(values) or 1.0
    step = width / (len(values) - 1)
    points = " ".join(
        f"{i * step:.1f},{height - 2 - (height - 4) * v / top:.1f}" for i, v in enumerate(values)
    )
    label = f"median latency, last {len(values)} readings, now {values[-1]:.3g} ms, highest {top:.3g} ms"
    colour = "var(--jp-info-color0,#0072b2)"
    return (
        f'<svg role="img" aria-label="{label}" width="{width}" height="{height}" '
        f'style="vertical-align:middle;stroke:{colour};fill:{colour}">'
        f'<polygon points="0,{height} {points} {width},{height}" stroke="none" fill-opacity="0.2"/>'
        f'<polyline points="{points}" fill="none" stroke-width="1.5"/></svg>'
    )
