"""The part of a deploy form that works without a kernel: plain HTML and text."""

from __future__ import annotations

from mlmagic.widgets import html
from mlmagic.widgets.cards import Card
from mlmagic.widgets.html import escape

_USUAL = "%deploy NAME -m MODEL:VERSION --script SCRIPT --target local"


def form_card(line: str = "", form: str = "") -> Card:
    """The purpose of the form and its equivalent line; without one, an example of a line.

    The live form called ``form`` hides it.
    """
    purpose = "A form to deploy a service; it needs a notebook and a running kernel."
    hint = "Equivalent line:" if line else "Or deploy with a line, for example (see %deploy --help):"
    shown = line or _USUAL
    markup = (
        f'<div class="mlmagic-static-form-{form}" style="{html.FONT};max-width:760px">'
        f"{escape(f'{purpose} {hint}')}{html.pre(shown)}</div>"
    )
    return Card(markup, f"{purpose} {hint}\n  {shown}")
