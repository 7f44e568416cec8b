"""What a notebook shows of services and models as plain HTML and plain text.

These survive a kernel restart, nbconvert and GitHub; the live panel beside them does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from mlmagic.core.events import Event
from mlmagic.core.model import Model
from mlmagic.core.webservice import State, Webservice
from mlmagic.sdk.model import Model as ModelHandle
from mlmagic.sdk.webservice import Webservice as WebserviceHandle
from mlmagic.widgets import html


class Card:
    """Something to display, as HTML and as text."""

    def __init__(self, markup: str, text: str) -> None:
        self.markup, self.text = markup, text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.markup, "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


def service_card(service: Webservice, notes: Sequence[str] = ()) -> Card:
    """One service: state, endpoint, models, and why it failed if it did."""
    endpoint = html.link(service.scoring_uri) if service.state is not State.FAILED else "–"
    rows = [
        ("Endpoint", endpoint),
        ("Models", escape(", ".join(service.models) or "none")),
        ("Target", escape(f"{service.target}, revision {service.revision}")),
        *([("Status", escape(status(service)))] if status(service) else []),
        *(("Note", escape(note)) for note in notes),
    ]
    cells = "".join(
        f'<tr style="background:none"><th scope="row" style="{html.CELL};font-weight:500">{name}</th>'
        f'<td style="{html.CELL};overflow-wrap:anywhere">{value}</td></tr>'
        for name, value in rows
    )
    traceback = _traceback(service)
    head = f"<strong>{escape(service.name)}</strong> &nbsp;{html.state_badge(service.state)}"
    markup = (
        f'<div style="{html.FONT};border:{html.BORDER};border-radius:6px;padding:8px 12px;max-width:760px">'
        f'<div role="status">{head}</div>'
        f'<table style="border-collapse:collapse;margin:4px 0 0;font-size:inherit">{cells}</table>'
        f"{html.pre(traceback) if traceback else ''}</div>"
    )
    text = "\n".join([service_text(service), *(f"  {note}" for note in notes)])
    return Card(markup, f"{text}\n{traceback}" if traceback else text)


def gone_card(service: Webservice) -> Card:
    """What is left of a service that is not there any more."""
    text = f"{service.name}: nothing is left of it."
    return Card(f'<div style="{html.FONT}">{escape(text)}</div>', text)


def service_text(service: Webservice) -> str:
    """The card in a line, for terminals."""
    where = f" at {service.scoring_uri}" if service.state is State.HEALTHY else ""
    models = f" with {', '.join(service.models)}" if service.models else ""
    text = f"{service.name}: {service.state}{where}{models} ({service.target}, revision {service.revision})"
    return f"{text}: {status(service)}" if status(service) else text


def status(service: Webservice) -> str:
    """What there is to say of the state: nothing of one that is well."""
    error = service.error or {}
    if service.state is State.FAILED and error.get("type"):
        return f"{error['type']}: {error.get('message', '')}"
    return service.words if service.state is not State.HEALTHY or error else ""


def _traceback(service: Webservice) -> str:
    return str((service.error or {}).get("traceback") or "").rstrip()


class Listing(Sequence[Any]):
    """Handles in a table: shown as one, used as a list."""

    def __init__(
        self, items: Sequence[Any], headings: Sequence[str], rows: Sequence[Sequence[str]], caption: str
    ) -> None:
        self._items, self._headings, self._rows, self._caption = items, headings, rows, caption

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        return self._items[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __repr__(self) -> str:
        return html.plain_table(self._headings, self._rows) if self._items else self._caption

    def _repr_html_(self) -> str:
        if not self._items:
            return f'<div style="{html.FONT}">{escape(self._caption)}</div>'
        return html.table(
            self._headings, [[_cell(value) for value in row] for row in self._rows], self._caption
        )


def _cell(value: str) -> str:
    if value in set(State):
        return html.state_badge(value)
    return html.link(value) if value.startswith(("http://", "https://")) else escape(value)


def models_listing(
    models: Sequence[Model], handle: Callable[[Model], ModelHandle], users: Callable[[Model], Sequence[str]]
) -> Listing:
    """``%models``: name, version, framework, tags, size, when, and who uses it."""
    rows = [
        [
            model.name,
            str(model.version),
            " ".join(filter(None, [model.framework, model.details.framework_version])) or "–",
            _labels(model.tags),
            html.size_text(model.size),
            html.ago(model.created_time),
            ", ".join(users(model)) or "–",
        ]
        for model in models
    ]
    caption = _count(
        models, "model version", "No models match. %register OBJECT_OR_PATH --name NAME adds one."
    )
    headings = ["Name", "Version", "Framework", "Tags", "Size", "Registered", "Used by"]
    return Listing([handle(model) for model in models], headings, rows, caption)


def services_listing(
    services: Sequence[Webservice], handle: Callable[[Webservice], WebserviceHandle]
) -> Listing:
    """``%services``: name, state, endpoint, models, target, traffic, when."""
    rows = [
        [
            service.name,
            str(service.state),
            service.scoring_uri or "–",
            ", ".join(service.models) or "–",
            service.target,
            traffic(service.stats),
            html.ago(service.updated_time),
        ]
        for service in services
    ]
    caption = _count(services, "service", "No services. %deploy NAME -m MODEL makes one.")
    headings = ["Name", "State", "Endpoint", "Models", "Target", "Traffic", "Changed"]
    return Listing([handle(service) for service in services], headings, rows, caption)


def event_line(event: Event) -> str:
    """One event of the log: when (local time), what."""
    return f"{datetime.fromtimestamp(event.time):%Y-%m-%d %H:%M:%S}  {event.kind}: {event.message}"


def traffic(stats: Mapping[str, float]) -> str:
    """What the server counts, in words."""
    if not stats.get("requests"):
        return "no requests yet"
    text = _plural(round(stats["requests"]), "request")
    if stats.get("errors"):
        text += f", {stats['errors']:.0f} failed"
    if "p50_ms" in stats and "p99_ms" in stats:
        text += f", p50 {stats['p50_ms']:.3g} ms, p99 {stats['p99_ms']:.3g} ms"
    return text


def _count(items: Sequence[Any], noun: str, none: str) -> str:
    return _plural(len(items), noun) if items else none


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels.items()) or "–"
