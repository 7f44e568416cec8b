"""The "Try it" pane of a card: edit and send a request, starting from a sample."""

from __future__ import annotations

import json
from typing import Any

import ipywidgets as widgets

from mlmagic.core.parity import Answer
from mlmagic.engine.engine import Engine
from mlmagic.errors import WrongState
from mlmagic.widgets import html
from mlmagic.widgets.background import Work, reader
from mlmagic.widgets.html import escape
from mlmagic.widgets.panel.state import ServiceState

MOST_SHOWN = 10_000
"""Characters of a response."""
NO_SAMPLE = "{}"


class RequestPane(widgets.VBox):
    """A request editor. Each revision gets a new sample, unless the user has edited the request."""

    def __init__(self, engine: Engine, name: str, model: ServiceState) -> None:
        self._engine, self._name, self._model = engine, name, model
        self._sample = NO_SAMPLE
        self.work = Work()
        self.body = widgets.Textarea(
            NO_SAMPLE,
            description="Request",
            tooltip=f"Request body for {name}",
            rows=4,
            layout={"width": "100%", "max_width": "700px"},
        )
        self.send_button = widgets.Button(description="Send", tooltip=f"Send the request to {name}")
        self.sample_button = widgets.Button(description="Sample", tooltip=f"Insert a sample for {name}")
        self.answer = widgets.HTML()
        super().__init__([self.body, widgets.HBox([self.send_button, self.sample_button]), self.answer])
        self.send_button.on_click(self._send)
        self.sample_button.on_click(self._rewrite)
        self.work.observe(self._busy, "doing")
        self.work.observe(self._draw, "told")
        model.observe(self._fetch, "serving")
        self._fetch()

    def _fetch(self, _change: Any = None) -> None:
        if self._model.serving[0] is not None:
            reader.soon((self, "sample"), self._read_sample)

    def _read_sample(self) -> None:
        try:
            found = self._engine.requests.sample(self._name) or NO_SAMPLE
        except WrongState:  # not serving now; fetched again when it serves
            return
        untouched = self.body.value == self._sample
        self._sample = found
        if untouched:
            self.body.value = found

    def _rewrite(self, _button: Any) -> None:
        self.body.value = self._sample
        self._fetch()

    def _send(self, _button: Any) -> None:
        body = self.body.value.encode()

        def ask() -> str:
            answer = self._engine.requests.send(self._name, body)
            self.answer.value = answered(self._name, answer)
            return ""

        self.answer.value = ""
        self.work.run(f"Sending to {self._name}", ask)

    def _busy(self, _change: Any) -> None:
        self.send_button.disabled = bool(self.work.doing)

    def _draw(self, _change: Any) -> None:
        if self.work.told:
            self.answer.value = html.told(self.work.told)


def answered(name: str, answer: Answer) -> str:
    """Status, milliseconds and body, as HTML."""
    status = f"{answer.status}" if answer.status else "no response"
    return (
        f'<div role="status" aria-live="polite" aria-label="Response of {escape(name)}" style="{html.FONT}">'
        f"{status} in {answer.milliseconds:.3g} ms{html.pre(readable(answer.body))}</div>"
    )


def readable(body: str) -> str:
    """A response body for display: a JSON object is indented, a long body is cut."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    # A traceback within JSON is to be read as one.
    error = value.get("error") if isinstance(value, dict) else None
    if isinstance(error, dict) and error.get("traceback"):
        body = f"{error.get('type')}: {error.get('message')}\n{error['traceback']}"
    elif isinstance(value, dict):
        body = json.dumps(value, indent=1, ensure_ascii=False)
    if len(body) <= MOST_SHOWN:
        return body
    return f"{body[:MOST_SHOWN]}\n... and {len(body) - MOST_SHOWN} more characters"
