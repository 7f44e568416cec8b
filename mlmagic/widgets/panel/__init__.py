"""The live card of one service: its state, metrics, log and events, and buttons to manage it.

Its state is traits, which stock ipywidgets draw. The engine's state watcher sets them from a thread; a
thread may set traits, and must never print or display. The card needs a running kernel; a static card
stands beside it for saved notebooks.
"""

from mlmagic.widgets.panel.card import ServicePanel

__all__ = ["ServicePanel"]
