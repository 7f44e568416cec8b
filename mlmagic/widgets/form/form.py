"""The deploy form as a widget: what its component shows, and what its buttons do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display
from traitlets import Bool, Dict, Float, List, Unicode

from mlmagic.core.events import Event
from mlmagic.core.profile import ProfileState
from mlmagic.engine.engine import Engine
from mlmagic.engine.events.pace import Pace
from mlmagic.visible_text import visible
from mlmagic.widgets.background import reader
from mlmagic.widgets.cards import service_card
from mlmagic.widgets.component import Component, kernel_only, source
from mlmagic.widgets.form import choices, equivalent_code, sections
from mlmagic.widgets.form.fallback_card import form_card
from mlmagic.widgets.form.jobs import FormJobs
from mlmagic.widgets.form.notebook import Notebook
from mlmagic.widgets.form.state import LINE, FormState
from mlmagic.widgets.form.validation import ProfileWish, is_taken
from mlmagic.widgets.form.values import Script, ScriptKind
from mlmagic.widgets.profiles import headline, profile_view, progress_view
from mlmagic.widgets.service_card.state import Beating

BURST, REFRESH_SECONDS = 3, 5.0
"""What there is to choose is read again after events: so often at once; in a flood, each so many seconds."""
_WISH = ("dataset", "recorded_by", "p99", "rps")


class FormPanel(Beating, Component):
    """A deploy form. The live card of the service that it deploys is shown above it."""

    _esm = source("deploy_form", "deployForm")

    content = Dict().tag(sync=True)
    """The input of all fields, by name. The page changes it, and so does this side, when it is set here."""
    choices = Dict().tag(sync=True)
    """See `mlmagic.widgets.form.choices.all_of`."""
    rows = List().tag(sync=True)
    """The fields of the settings: see `mlmagic.widgets.form.sections.rows`."""
    shown = List().tag(sync=True)
    """The settings that the target takes."""
    sections = List().tag(sync=True)
    """Each section: its name, its title, and its value in words."""
    problems = Dict().tag(sync=True)
    """By field: why it is not valid; those of a profile, too."""
    blocking = List().tag(sync=True)
    """The fields whose problems stop a deploy."""
    remarks = Dict().tag(sync=True)
    taken = Bool().tag(sync=True)
    """Whether a service of that name exists."""
    texts = Dict().tag(sync=True)
    """The equivalent line, Python and file."""
    file_note = Unicode().tag(sync=True)
    """What the equivalent file cannot say."""
    job = Unicode().tag(sync=True)
    """The kind of the last job: ``deploy`` or ``profile``."""
    busy = Unicode().tag(sync=True)
    began = Float().tag(sync=True)
    notes = List().tag(sync=True)
    error = Unicode().tag(sync=True)
    deployed = Bool().tag(sync=True)
    profile = Dict().tag(sync=True)
    """The progress of a profile, or the profile; empty without one."""
    advice = Dict().tag(sync=True)
    """The recommended size as ``words``, ``cpu_cores`` and ``memory_gb``; empty without one."""
    form = Unicode().tag(sync=True)
    """Distinguishes this form from others on the page."""

    def __init__(self, engine: Engine, notebook: Notebook) -> None:
        super().__init__()
        self._notebook = notebook
        location = engine.location
        self.state = FormState(
            target=notebook.target,
            settings=dict(sections.NO_SETTINGS),
            workspace=equivalent_code.workspace_code(location.name, location.found_by),
        )
        self.jobs = FormJobs(engine, notebook, self.state)
        self.jobs.refresh()
        for name, value in choices.beginning(self.state.available).items():
            setattr(self.state, name, value)
        self.jobs.find_advice()
        self.form = str(self.model_id)
        self.rows = sections.rows()
        self.answers = {
            "deploy": lambda _: self._in_kernel_thread(self.jobs.deploy),
            "profile": lambda _: self._in_kernel_thread(self.jobs.profile),
            "cancel": lambda _: self.jobs.cancel(),
            "insert": lambda values: notebook.insert_below(str(values.get("text", ""))),
        }
        self._is_taking = self._is_stale = False
        self._pace = Pace(BURST, REFRESH_SECONDS)
        self._sent: Mapping[str, Any] = {}
        self._plain: Any = None
        self._slot: Any = None
        self._card_of = self._plain_markup = ""
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:  # no kernel: the calling thread draws
            self._loop = None
        self._follow_state()
        self._leave: Callable[[], None] = engine.bus.subscribe(self._hear)
        self.keep_beat(time.time())

    def close_form(self) -> None:
        """Stop the updates; the last content stays."""
        self._leave()

    def __repr__(self) -> str:
        return "deploy form (it needs a running kernel)"

    def reference(self) -> dict[str, Any]:
        return kernel_only("This deploy form has no kernel any more. Run the cell again.")

    def _ipython_display_(self) -> None:
        """Show a plain card, which stays without a kernel, a place for the live card, and the form."""
        self._plain = display(self._card(), display_id=True)
        if getattr(get_ipython(), "kernel", None) is not None:
            self._slot = display(self._empty_slot(), raw=True, display_id=True)
            display(self._repr_mimebundle_()[0], raw=True)

    def _follow_state(self) -> None:
        """Show the state now, and after each of its changes; and take the page's changes."""
        state = self.state
        followed: tuple[tuple[Callable[[], None], tuple[str, ...]], ...] = (
            (self._show_content, ("service", "models", "script", "environment", "nearest", "target")),
            (self._show_content, ("overwrite", "settings", "wish")),
            (self._show_choices, ("available", "advice")),
            (self._show_derived, ("problems", "profile_problems", "remarks", "texts", "settings", "target")),
            (self._show_derived, ("available", "service", "environment")),
            (self._show_work, ("busy", "notes", "error", "deployed")),
            (self._show_profile, ("profiling", "profile_error")),
        )
        for show, names in followed:
            state.observe(lambda _change, show=show: show(), list(names))
            show()
        state.observe(lambda _change: self.jobs.find_advice(), ["models"])
        state.observe(lambda _change: self._in_kernel_thread(self._show_card), ["record"])
        self.observe(self._take_from_page, ["content"])

    def _take_from_page(self, change: Any) -> None:
        if change["new"] is not self._sent:
            self._take(change["new"])

    def _take(self, content: Mapping[str, Any]) -> None:
        self._is_taking = True
        try:
            self._take_all(content)
        finally:
            self._is_taking = False

    def _take_all(self, content: Mapping[str, Any]) -> None:
        state = self.state
        script = content["script"]
        kind = ScriptKind(script["kind"])
        state.service, state.overwrite = content["service"], content["overwrite"]
        state.models = content["models"]
        state.script = Script(kind, script["name"].strip(), script.get("folder", "").strip())
        state.environment, state.nearest = content["environment"], content["nearest"]
        state.target, state.settings = content["target"], content["settings"]
        state.wish = ProfileWish(**{name: content[name] for name in _WISH})

    def _show_content(self) -> None:
        state = self.state
        script, wish = state.script, state.wish
        shown = {
            "service": state.service,
            "overwrite": state.overwrite,
            "models": state.models,
            "script": {"kind": str(script.kind), "name": script.name, "folder": script.folder},
            "environment": state.environment,
            "nearest": state.nearest,
            "target": state.target,
            "settings": state.settings,
            **{name: getattr(wish, name) for name in _WISH},
        }
        if not self._is_taking:  # else the page would get back what it has just sent, while somebody types on
            self._sent = shown
            self.content = shown

    def _show_choices(self) -> None:
        state = self.state
        self.choices = choices.all_of(state.available, state.advice)
        advice = state.advice.recommendation if state.advice is not None else None
        self.advice = (
            {
                "words": visible(f"Profile {state.advice.name}: {headline(state.advice)}"),
                "cpu_cores": sections.number_text(advice.cpu),
                "memory_gb": sections.number_text(advice.memory_gb),
            }
            if advice is not None
            else {}
        )

    def _show_derived(self) -> None:
        state, values = self.state, self.state.values
        with self.hold_sync():
            self.problems = {**state.profile_problems, **state.problems}
            self.blocking = list(state.problems)
            self.remarks = dict(state.remarks)
            self.taken = is_taken(values.service, state.available)
            self.texts = dict(state.texts)
            self.shown = sections.shown(values.target)
            self.sections = sections.sections(values)
            self.file_note = (
                ""
                if equivalent_code.is_documented(values)
                else f"The file cannot name the target {values.target!r}. Add: --ct {values.target}"
            )

    def _show_work(self) -> None:
        state = self.state
        with self.hold_sync():
            self.job, self.busy, self.began = state.job, state.busy, state.began
            self.notes = [visible(note) for note in state.notes]
            self.error, self.deployed = visible(state.error), state.deployed

    def _show_profile(self) -> None:
        state = self.state
        if state.profile_error:
            self.profile = {"error": visible(state.profile_error)}
        elif state.profiling is None:
            self.profile = {}
        else:
            progress, profile = state.profiling
            ended = profile.state is not ProfileState.RUNNING
            self.profile = profile_view(profile) if ended else progress_view(progress, profile)

    def _hear(self, news: Sequence[Event]) -> None:
        """Called in the event bus's thread; any event may have changed what there is to choose."""
        self._is_stale = self._is_stale or bool(news)
        if self._is_stale and not self._pace.delay(time.monotonic()):
            self._is_stale = False
            reader.soon((self, "available"), self.jobs.refresh)
        self.keep_beat(time.time())

    def _card(self) -> Any:
        """The plain card: the equivalent line, or the service."""
        state = self.state
        if state.record is not None:
            return service_card(state.record, [*state.notes, f"Deployed as: {state.texts[LINE]}"])
        return form_card("" if state.problems else state.texts[LINE], self.form)

    def _empty_slot(self) -> dict[str, Any]:
        return {"text/html": f'<div class="mlmagic-static-form-{self.form}"></div>', "text/plain": ""}

    def _in_kernel_thread(self, call: Callable[[], None]) -> None:
        """Outputs may only be changed, and variables only be read, in the thread in which cells run."""
        if self._loop is None:
            call()
        else:
            self._loop.call_soon_threadsafe(call)

    def _show_card(self) -> None:
        """Show the live card of the service as soon as there is one; a new one for each deploy."""
        if self._plain is None or self._slot is None:
            return
        record = self.state.record
        card = self._card()
        if card.markup != self._plain_markup:
            self._plain_markup = card.markup
            self._plain.update(card)
        if record is None:
            self._slot.update(self._empty_slot(), raw=True)
        elif record.id != self._card_of:
            self._slot.update(self._notebook.live_card(record)._repr_mimebundle_()[0], raw=True)
        self._card_of = record.id if record is not None else ""
