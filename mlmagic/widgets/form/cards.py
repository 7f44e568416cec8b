"""What of a deploy form survives its kernel: plain HTML and text."""

from __future__ import annotations

from html import escape

from mlmagic.widgets import html
from mlmagic.widgets.cards import Card

_USUAL = "%deploy NAME -m MODEL:VERSION --script SCRIPT --target local"


def form_card(line: str = "") -> Card:
    """What the form was for, and the line that does the same; without one, how a line is written."""
    what = "A form to deploy a service. It needs a notebook and a running kernel"
    same = (
        "this line does the same:"
        if line
        else "a line does the same, such as this one (%deploy --help tells all of it):"
    )
    shown = line or _USUAL
    markup = f'<div style="{html.FONT};max-width:760px">{escape(f"{what}; {same}")}{html.pre(shown)}</div>'
    return Card(markup, f"{what}; {same}\n  {shown}")
