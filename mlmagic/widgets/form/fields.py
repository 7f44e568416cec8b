"""The inputs of a form: one for each setting, with its label, and room below for what is wrong with it.

Only widgets that a keyboard reaches and a screen reader can name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from mlmagic.core.deployments import Argument
from mlmagic.widgets import html

_STYLE = {"description_width": "190px"}
MOST = 2**31 - 1
TITLES: Mapping[str, str] = {
    "cpu_cores": "CPU cores",
    "memory_gb": "Memory (GB)",
    "num_replicas": "Replicas",
    "autoscale_enabled": "Scale with the load",
    "autoscale_min_replicas": "Replicas at least",
    "autoscale_max_replicas": "Replicas at most",
    "autoscale_target_utilization": "Busy replicas (percent)",
    "batch": "Batch: run() is called once for all requests that have arrived",
    "live": "Live: it takes on its cell each time that is run again",
    "description": "Description",
    "port": "Port",
    "ssl_cert_pem_file": "Certificate file (PEM)",
    "ssl_key_pem_file": "Key file (PEM)",
    "ssl_cname": "Host name in the certificate",
    "cors_origins": "Web pages that may call it",
    "collect_model_data": "Collect data: let the script's collectors write",
    "environment_variables": "Environment variables",
    "tags": "Tags",
    "properties": "Properties",
    "scoring_timeout_ms": "Scoring timeout (ms)",
    "max_request_wait_time": "Waiting time (ms)",
    "replica_max_concurrent_requests": "Calls of run() at a time",
    "recorded_requests": "Requests to keep",
}
"""What people read of a setting, where it has an input of its own."""
_HINTS = {
    "port": "empty: a free one",
    "cors_origins": "https://a.example, https://b.example, or *",
    "replica_max_concurrent_requests": "empty: 1, or any number for an async run()",
    "num_replicas": "empty: as many as are busy",
}


class Field(widgets.VBox):
    """Inputs side by side, perhaps more ``below``, and then what is wrong."""

    def __init__(self, *inputs: widgets.Widget, below: widgets.Widget | None = None) -> None:
        self._problem = widgets.HTML()
        row = inputs[0] if len(inputs) == 1 else widgets.HBox(inputs, layout=wrapping())
        super().__init__([row, *([below] if below else []), self._problem])
        self.tell("")

    @property
    def problem(self) -> str:
        """As HTML."""
        return str(self._problem.value)

    def tell(self, words: str) -> None:
        """Show what is wrong; nothing takes it away."""
        self._problem.value = problem_note(words) if words else ""
        self._problem.layout.display = "" if words else "none"

    def show(self, shown: bool) -> None:
        """Whether it is there to be filled in."""
        self.layout.display = "" if shown else "none"


class Choice(widgets.Dropdown):
    """One of several, which may become others; what is chosen by a person is told, and nothing else."""

    def __init__(self, title: str, chosen: Callable[[Any], None] = lambda value: None) -> None:
        self._offering = False
        super().__init__(description=title, style=_STYLE, layout=_wide())
        self.observe(lambda change: None if self._offering else chosen(change["new"]), "value")

    def offer(self, options: Sequence[tuple[str, Any]], chosen: Any) -> None:
        """Other options, with one of them chosen; none where it is not among them."""
        self._offering = True
        try:
            self.options = options
            self.value = chosen if chosen in [value for _, value in options] else None
        finally:
            self._offering = False


def problem_note(words: str) -> str:
    """Words beside a field, told apart by a mark and a line, not by colour alone."""
    return (
        f'<div role="status" aria-live="polite" style="{html.FONT};border-left:3px solid '
        f'var(--jp-error-color1,#c4314b);padding-left:8px;white-space:pre-wrap">'
        f'<span aria-hidden="true">✖ </span>{escape(words)}</div>'
    )


def said(words: str) -> str:
    """Words that come and go, read out when they come."""
    return f'<div role="status" aria-live="polite" style="{html.FONT}">{escape(words)}</div>' if words else ""


def heading(text: str) -> widgets.HTML:
    """Of a part of the form."""
    return widgets.HTML(
        f'<div role="heading" aria-level="4" style="{html.FONT};font-weight:600">{text}</div>'
    )


def line(title: str, hint: str = "") -> widgets.Text:
    """A line of text."""
    return widgets.Text(description=title, placeholder=hint, style=_STYLE, layout=_wide())


def tick(title: str) -> widgets.Checkbox:
    """Yes or no."""
    return widgets.Checkbox(description=title, indent=False, layout=_wide())


def button(title: str, pressed: Callable[[], None], *, primary: bool = False) -> widgets.Button:
    """As wide as its words."""
    made = widgets.Button(
        description=title,
        button_style="primary" if primary else "",
        layout=widgets.Layout(width="auto", min_width="90px"),
    )
    made.on_click(lambda _button: pressed())
    return made


def setting(argument: Argument) -> widgets.Widget:
    """The input of a setting, at its default."""
    title, hint = TITLES[argument.name], _HINTS.get(argument.name, "")
    if argument.kind is bool:
        made = tick(title)
        made.value = bool(argument.default)
    elif argument.kind is dict:
        made = widgets.Textarea(
            description=title, placeholder="KEY=VALUE, each on a line", rows=2, style=_STYLE, layout=_wide()
        )
    elif argument.default is None or argument.must_be_named(argument.default):
        made = line(title, hint)  # empty is something else than any number
    else:
        number = widgets.BoundedIntText if argument.kind is int else widgets.BoundedFloatText
        step = 1 if argument.kind is int else 0.1
        made = number(
            description=title,
            min=0,
            max=MOST,
            step=step,
            value=argument.default,
            continuous_update=True,
            style=_STYLE,
            layout=_wide(),
        )
    made.tooltip = argument.means
    return made


def _wide() -> widgets.Layout:
    return widgets.Layout(width="100%", max_width="640px")


def wrapping() -> widgets.Layout:
    """A row that goes on below where there is no room."""
    return widgets.Layout(flex_flow="row wrap", align_items="center", grid_gap="4px 8px")
