"""The fields of a form: an input with its label, and its problem below.

Only widgets that work with a keyboard and have a name for screen readers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from mlmagic.core.arguments import Argument
from mlmagic.core.deployments import must_be_named
from mlmagic.widgets import html
from mlmagic.widgets.html import escape

_STYLE = {"description_width": "190px"}


class Field(widgets.VBox):
    """Inputs side by side, perhaps more ``below``, and then the problem."""

    def __init__(self, *inputs: widgets.Widget, below: widgets.Widget | None = None) -> None:
        self._problem = widgets.HTML()
        row = inputs[0] if len(inputs) == 1 else widgets.HBox(inputs, layout=wrapping())
        super().__init__([row, *([below] if below else []), self._problem])
        self.show_problem("")

    @property
    def problem(self) -> str:
        """As HTML."""
        return str(self._problem.value)

    def show_problem(self, message: str) -> None:
        """Show the problem; an empty text hides it."""
        self._problem.value = problem_note(message) if message else ""
        self._problem.layout.display = "" if message else "none"

    def show(self, shown: bool) -> None:
        """Show or hide the field."""
        self.layout.display = "" if shown else "none"


class Choice(widgets.Dropdown):
    """A dropdown whose options may change. ``chosen`` is called for a choice of the user only."""

    def __init__(self, title: str, chosen: Callable[[Any], None] = lambda value: None) -> None:
        self._offering = False
        super().__init__(description=title, style=_STYLE, layout=_wide())
        self.observe(lambda change: None if self._offering else chosen(change["new"]), "value")

    def offer(self, options: Sequence[tuple[str, Any]], chosen: Any) -> None:
        """Replace the options and select one of them; none if ``chosen`` is not among them."""
        self._offering = True
        try:
            self.options = options
            self.value = chosen if chosen in [value for _, value in options] else None
        finally:
            self._offering = False


def problem_note(message: str) -> str:
    """A problem as HTML, marked by a sign and a line, not by colour alone."""
    return (
        f'<div role="status" aria-live="polite" style="{html.FONT};border-left:3px solid '
        f'var(--jp-error-color1,#c4314b);padding-left:8px;white-space:pre-wrap">'
        f'<span aria-hidden="true">✖ </span>{escape(message)}</div>'
    )


def status(message: str) -> str:
    """A message as HTML, which screen readers announce when it appears."""
    return (
        f'<div role="status" aria-live="polite" style="{html.FONT}">{escape(message)}</div>'
        if message
        else ""
    )


def heading(text: str) -> widgets.HTML:
    """The heading of a part of the form."""
    return widgets.HTML(
        f'<div role="heading" aria-level="4" style="{html.FONT};font-weight:600">{text}</div>'
    )


def line(title: str, hint: str = "") -> widgets.Text:
    """An input for a line of text."""
    return widgets.Text(description=title, placeholder=hint, style=_STYLE, layout=_wide())


def tick(title: str) -> widgets.Checkbox:
    """A checkbox."""
    return widgets.Checkbox(description=title, indent=False, layout=_wide())


def button(title: str, pressed: Callable[[], None], *, primary: bool = False) -> widgets.Button:
    """A button as wide as its label."""
    made = widgets.Button(
        description=title,
        button_style="primary" if primary else "",
        layout=widgets.Layout(width="auto", min_width="90px"),
    )
    made.on_click(lambda _button: pressed())
    return made


def setting(argument: Argument) -> widgets.Widget:
    """The input of an argument, with its default."""
    title, hint = argument.title, argument.placeholder
    if argument.kind is bool:
        made = tick(title)
        made.value = bool(argument.default)
    elif argument.kind is dict:
        made = widgets.Textarea(
            description=title, placeholder="KEY=VALUE, one per line", rows=2, style=_STYLE, layout=_wide()
        )
    else:
        # Numbers are lines, too. A number input has no value while "0." is typed, and forgets these letters.
        made = line(title, hint)
        if argument.default is not None and not must_be_named(argument, argument.default):
            made.value = number_text(argument.default)
    made.tooltip = argument.option_help
    return made


def number_text(value: float | str) -> str:
    """A number as a user writes it."""
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _wide() -> widgets.Layout:
    return widgets.Layout(width="100%", max_width="640px")


def wrapping() -> widgets.Layout:
    """The layout of a row that wraps."""
    return widgets.Layout(flex_flow="row wrap", align_items="center", grid_gap="4px 8px")
