"""Static cards and tables of services and models, as HTML and as plain text.

They survive a kernel restart, nbconvert and GitHub; the live card does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from mlmagic.core import advice
from mlmagic.core.compiled_models import lines_of, words_of
from mlmagic.core.events import Event
from mlmagic.core.model import Model
from mlmagic.core.webservice import State, Webservice
from mlmagic.errors import Advice, Front, MLMagicError, written_for
from mlmagic.sdk.model import Model as ModelHandle
from mlmagic.sdk.webservice import Webservice as WebserviceHandle
from mlmagic.visible_text import visible
from mlmagic.widgets import figures, html
from mlmagic.widgets.html import escape


class Card:
    """Something to display, as HTML and as text."""

    def __init__(self, markup: str, text: str) -> None:
        self.markup, self.text = markup, visible(text)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.markup, "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


def service_card(service: Webservice, notes: Sequence[str] = ()) -> Card:
    """One service: state, endpoint, models, and why it failed if it did."""
    notes = list(dict.fromkeys((*notes, *(each.words for each in service.replacements))))
    endpoint = "–"
    if service.scoring_uri and service.docs_uri and service.state is not State.FAILED:
        endpoint = f"{html.address(service.scoring_uri)} · {html.link(service.docs_uri, 'API docs')}"
    rows = [
        ("Endpoint", endpoint),
        ("Models", escape(", ".join(service.models) or "none")),
        *(("Compilation", escape(line)) for line in lines_of(service.compiled)),
        ("Target", escape(f"{service.target}, revision {service.revision}")),
        *([("Status", escape(status(service)))] if status(service) else []),
        *(("Note", escape(note)) for note in notes),
    ]
    quoted = traceback(service)
    head = f"<strong>{escape(service.name)}</strong> &nbsp;{html.state_badge(service.state)}"
    markup = (
        f'<div class="{static_class(service)}" style="{html.FONT};border:{html.BORDER};'
        f'border-radius:6px;padding:8px 12px;max-width:760px">'
        f'<div role="status">{head}</div>'
        f"{html.terms(rows)}{html.pre(quoted) if quoted else ''}</div>"
    )
    text = "\n".join(
        [service_text(service), *(f"  {note}" for note in (*lines_of(service.compiled), *notes))]
    )
    return Card(markup, f"{text}\n{quoted}" if quoted else text)


def gone_card(service: Webservice) -> Card:
    """The card of a deleted service."""
    text = f"{service.name} was deleted."
    markup = f'<div class="{static_class(service)}" style="{html.FONT}">{escape(text)}</div>'
    return Card(markup, text)


def static_class(service: Webservice) -> str:
    """The class of a service's static cards: in a cell's output, its live card hides them."""
    return f"mlmagic-static-{service.id}"


def service_text(service: Webservice) -> str:
    """The card in a line, for terminals."""
    where = f" at {service.scoring_uri}" if service.state is State.HEALTHY else ""
    models = f" with {', '.join(service.models)}" if service.models else ""
    text = f"{service.name}: {service.state}{where}{models} ({service.target}, revision {service.revision})"
    return f"{text}: {status(service)}" if status(service) else text


def status(service: Webservice) -> str:
    """The message that explains the state; empty for a healthy service."""
    error = service.error or {}
    if service.state is State.FAILED and error.get("type"):
        message = f"{error['type']}: {error.get('message', '')}"
        return str(MLMagicError(message, hint=str(error.get("hint") or "")))
    return service.words if service.state is not State.HEALTHY or error else ""


def traceback(service: Webservice) -> str:
    """The traceback of the failed script or of the failed last update; empty without one."""
    return str((service.error or {}).get("traceback") or "").rstrip()


class Listing(Sequence[Any]):
    """A list of handles that is displayed as a table."""

    def __init__(
        self,
        items: Sequence[Any],
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        caption: str,
        static_class: str = "",
    ) -> None:
        self._items, self._headings, self._rows, self._caption = items, headings, rows, caption
        self._static_class = static_class

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        return self._items[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __repr__(self) -> str:
        return self.text_for(Front.MAGIC)

    def text_for(self, front: Front) -> str:
        """As plain text; where there is nothing, what to do is said in the words of ``front``."""
        if not self._items:
            return visible(written_for(front, self._caption))
        return html.plain_table(self._headings, self._rows)

    def _repr_html_(self) -> str:
        if self._items:
            rows = [[cell(value) for value in row] for row in self._rows]
            markup = html.table(self._headings, rows, self._caption)
        else:
            markup = f'<div style="{html.FONT}">{escape(self._caption)}</div>'
        return f'<div class="{self._static_class}">{markup}</div>' if self._static_class else markup


SHORT = 20
"""Characters."""


def cell(value: str) -> str:
    """Text in a table as HTML: a state as its badge, an address as code; short text does not wrap."""
    if value in set(State):
        return html.state_badge(value)
    if value.startswith(("http://", "https://")):
        return html.address(value)
    return html.unbroken(value) if len(value) <= SHORT else escape(value)


def models_listing(
    models: Sequence[Model], handle: Callable[[Model], ModelHandle], users: Callable[[Model], Sequence[str]]
) -> Listing:
    """``%models``: a row of `model_row` for each; with what compiling gave, if any was compiled."""
    rows = [model_row(model, users(model)) for model in models]
    headings: Sequence[str] = MODEL_HEADINGS
    handles = [handle(model) for model in models]
    if any(model.compiled for model in models):
        headings = (*headings, "Compilation")
        rows = [[*row, compilation_text(model)] for row, model in zip(rows, models, strict=True)]
    return Listing(handles, headings, rows, models_caption(models), STATIC_MODELS)


def compilation_text(model: Model) -> str:
    """What compiling a model gave, in one line."""
    return "; ".join(words_of(model.compiled)) or figures.NOT_KNOWN


def models_caption(models: Sequence[Model]) -> str:
    """How many there are, or how to create one."""
    none = Advice("No models match. Register one with: {first}", first=advice.FIRST["model"])
    return _count(models, "model version", none)


MODEL_HEADINGS = ("Name", "Version", "Framework", "Tags", "Size", "Registered", "Used by")


def model_row(model: Model, users: Sequence[str]) -> list[str]:
    """The table row of a model version, as text under `MODEL_HEADINGS`."""
    return [
        model.name,
        str(model.version),
        " ".join(filter(None, [model.framework, model.details.framework_version])) or figures.NOT_KNOWN,
        _labels(model.tags),
        html.size_text(model.size),
        html.ago(model.created_time),
        ", ".join(users) or figures.NOT_KNOWN,
    ]


def services_listing(
    services: Sequence[Webservice], handle: Callable[[Webservice], WebserviceHandle], here: str
) -> Listing:
    """``%services``: a row of `service_row` for each; in a team with the machine that runs it.

    ``here`` is the name of this machine.
    """
    rows = [service_row(service) for service in services]
    headings: Sequence[str] = SERVICE_HEADINGS
    handles = [handle(service) for service in services]
    if any(service.machine not in (None, here) for service in services):
        headings = (*headings, "Machine")
        rows = [[*row, machine_text(service, here)] for row, service in zip(rows, services, strict=True)]
    return Listing(handles, headings, rows, services_caption(services), STATIC_SERVICES)


def machine_text(service: Webservice, here: str) -> str:
    """The machine that runs a service, and whether it can be called from the machine ``here``."""
    if service.machine is None:
        return figures.NOT_KNOWN
    if service.machine == here:
        return "this one"
    return service.machine if service.is_reachable_from(here) else f"{service.machine}, callable there only"


STATIC_MODELS, STATIC_SERVICES = "mlmagic-static-models", "mlmagic-static-services"
"""The classes of the static tables: in a cell's output, the live table hides them."""


def services_caption(services: Sequence[Webservice]) -> str:
    """How many there are, or how to create one."""
    none = Advice("No services. Create one with: {first}", first=advice.FIRST["service"])
    return _count(services, "service", none)


SERVICE_HEADINGS = (
    "Name",
    "State",
    "Endpoint",
    "Models",
    "Traffic",
    "p50/p99",
    "Errors",
    "CPU",
    "Memory",
    "Target",
    "Changed",
)


def service_row(service: Webservice) -> list[str]:
    """The table row of a service, as text under `SERVICE_HEADINGS`."""
    stats = service.stats
    return [
        service.name,
        str(service.state),
        service.scoring_uri or figures.NOT_KNOWN,
        ", ".join(service.models) or figures.NOT_KNOWN,
        figures.per_second(stats),
        figures.latency(stats),
        figures.errors(stats),
        figures.cpu(stats),
        figures.memory(stats),
        service.target,
        html.ago(service.updated_time),
    ]


def event_line(event: Event) -> str:
    """One event as a line: local time, kind and message."""
    return f"{datetime.fromtimestamp(event.time):%Y-%m-%d %H:%M:%S}  {event.kind}: {event.message}"


def _count(items: Sequence[Any], noun: str, none: str) -> str:
    return html.count(len(items), noun) if items else none


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels.items()) or "–"
