"""The live card of one service: what it does now, and what can be done with it.

Its state is traits; the engine's lookout sets them from a thread (a thread may set traits, and must never
print or display), and stock ipywidgets draw them. It needs a running kernel: the plain card beside it tells
the rest.
"""

from mlmagic.widgets.panel.card import ServicePanel

__all__ = ["ServicePanel"]
