"""The panes of a form below its fields: a profile, equivalent code, and the deploy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from mlmagic.core.arguments import ARGUMENTS
from mlmagic.core.profile import ProfileState
from mlmagic.widgets import html
from mlmagic.widgets.cards import service_card
from mlmagic.widgets.form import choices, equivalent_code, fields
from mlmagic.widgets.form.fields import Choice
from mlmagic.widgets.form.jobs import FormJobs, ProfileWish
from mlmagic.widgets.form.notebook import Notebook
from mlmagic.widgets.form.state import FILE, LINE, PYTHON, FormState
from mlmagic.widgets.form.validation import SERVICE
from mlmagic.widgets.html import escape
from mlmagic.widgets.profiles import headline, profile_card, progress_card

INSERTING = "Run any cell: {what} is inserted below it."


class ProfilePane(widgets.VBox):
    """Requests, a goal, a button to start a profile, its progress, and its recommendation."""

    def __init__(self, state: FormState, jobs: FormJobs, take: Callable[[tuple[float, float]], None]) -> None:
        self._state = state
        self.requests = Choice("Requests", self._show_dataset)
        self.dataset = fields.line(
            "Profiling dataset", "a variable, an expression or a file; empty: the model's sample"
        )
        self.p99 = fields.line("p99 latency (ms)", "empty: no goal")
        self.rps = fields.line("Requests per second", "empty: no goal")
        self.start = fields.button("Profile", lambda: jobs.profile(self._wish()))
        self.accept = fields.button("Use the recommendation", lambda: self._accept(take))
        self.card = widgets.HTML()
        buttons = widgets.HBox([self.start, self.accept])
        super().__init__([self.requests, self.dataset, self.p99, self.rps, buttons, self.card])
        state.observe(self._offer_requests, ["available"])
        state.observe(self._switch, ["advice", "busy", "problems"])
        state.observe(self._draw, ["profiling", "profile_error"])
        state.observe(self._draw_advice, ["advice"])
        self._offer_requests()
        self._switch()
        self._draw_advice()

    def _wish(self) -> ProfileWish:
        return ProfileWish(self.dataset.value, self.requests.value or "", self.p99.value, self.rps.value)

    def _offer_requests(self, _change: Any = None) -> None:
        available = self._state.available
        before = self.requests.value or ""
        chosen = before if before in available.recorded else choices.THE_DATASET
        self.requests.offer(choices.requests(available), chosen)
        self.requests.layout.display = "" if available.recorded else "none"
        self._show_dataset(chosen)

    def _show_dataset(self, chosen: str) -> None:
        self.dataset.layout.display = "" if chosen == choices.THE_DATASET else "none"

    def _accept(self, take: Callable[[tuple[float, float]], None]) -> None:
        advice = self._state.advice.recommendation
        take((advice.cpu, advice.memory_gb))

    def _switch(self, _change: Any = None) -> None:
        state = self._state
        # A service without a name can be measured.
        self.start.disabled = bool(state.busy) or bool(set(state.problems) - {SERVICE})
        self.accept.layout.display = "" if state.advice is not None else "none"

    def _draw(self, _change: Any = None) -> None:
        state = self._state
        if state.profile_error:
            self.card.value = fields.problem_note(state.profile_error)
        elif state.profiling is not None:
            progress, profile = state.profiling
            ended = profile.state is not ProfileState.RUNNING
            self.card.value = (profile_card(profile) if ended else progress_card(progress, profile)).markup
        else:
            self._draw_advice()

    def _draw_advice(self, _change: Any = None) -> None:
        """Show the newest profile, unless one was started here, which has its own card."""
        state = self._state
        if state.profiling is None and not state.profile_error:
            message = f"Profile {state.advice.name}: {headline(state.advice)}" if state.advice else ""
            self.card.value = fields.status(message)


class EquivalentsPane(widgets.VBox):
    """The equivalent line, Python or file, and a button that inserts it into the notebook."""

    def __init__(self, state: FormState, notebook: Notebook) -> None:
        self._state, self._notebook = state, notebook
        self.which = Choice("Equivalent", self._draw)
        self.which.offer(
            [("Magic line", LINE), ("Python (Azure ML SDK v1)", PYTHON), ("deploymentconfig.json", FILE)],
            LINE,
        )
        self.what = Choice("Insert", self._draw)
        self.what.offer([("Magic line", LINE), ("Python", PYTHON)], LINE)
        self.insert = fields.button("Insert into the notebook", self._insert)
        self.text, self.note = widgets.HTML(), widgets.HTML()
        super().__init__([self.which, self.text, self.what, widgets.HBox([self.insert]), self.note])
        state.observe(self._draw, ["texts", "problems"])
        self._draw()

    def _insert(self) -> None:
        chosen = self.what.value
        self._notebook.insert_below(self._state.texts[chosen])
        self.note.value = fields.status(INSERTING.format(what="the line" if chosen == LINE else "the code"))

    def _draw(self, _change: Any = None) -> None:
        shown = self._state.texts[self.which.value]
        named = f'role="region" aria-label="{escape(str(self.which.label))}"'
        self.text.value = f"{self._caption()}{html.pre(shown, named)}"
        self.insert.disabled = bool(self._state.problems)
        self.note.value = ""

    def _caption(self) -> str:
        values = self._state.values
        if self.which.value != FILE or equivalent_code.is_documented(values):
            return ""
        return fields.status(f"The file cannot name the target {values.target!r}. Add: --ct {values.target}")


class DeployPane(widgets.VBox):
    """The Deploy button, why it is disabled, the progress of a deploy, and its error."""

    def __init__(self, state: FormState, jobs: FormJobs) -> None:
        self._state = state
        self.deploy = fields.button("Deploy", jobs.deploy, primary=True)
        self.cancel = fields.button("Cancel", jobs.cancel)
        self.refresh = fields.button("Refresh", jobs.refresh)
        self.status = widgets.HTML()
        super().__init__(
            [widgets.HBox([self.deploy, self.cancel, self.refresh], layout=fields.wrapping()), self.status]
        )
        state.observe(self._draw, ["problems", "busy", "error", "record", "notes"])
        self._draw()

    def _draw(self, _change: Any = None) -> None:
        state = self._state
        self.deploy.disabled = bool(state.problems or state.busy)
        self.cancel.layout.display = "" if state.busy else "none"
        if not state.busy:
            failed = fields.problem_note(state.error) if state.error else ""
            self.status.value = failed + fields.status(why_disabled(state.problems))
        elif state.record is None:
            self.status.value = fields.status(f"{state.busy} …")
        else:
            self.status.value = service_card(state.record, state.notes).markup


def why_disabled(problems: dict[str, str]) -> str:
    """Why the Deploy button is disabled; empty if it is not."""
    if not problems:
        return ""
    names = ", ".join(dict.fromkeys(title_of(name) for name in problems))
    return f"To deploy, correct: {names}."


def title_of(field: str) -> str:
    """The title of a field."""
    return ARGUMENTS[field].title if field in ARGUMENTS else field.capitalize()
