"""The panes of a form beside its fields: a profile, the same deploy in other words, and how it goes."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets

from mlmagic.core.profile import ProfileState
from mlmagic.widgets import html
from mlmagic.widgets.cards import service_card
from mlmagic.widgets.form import choices, equivalents, fields
from mlmagic.widgets.form.fields import Choice
from mlmagic.widgets.form.notebook import Notebook
from mlmagic.widgets.form.rules import SERVICE
from mlmagic.widgets.form.state import FILE, LINE, PYTHON, FormState
from mlmagic.widgets.form.work import FormWork, ProfileWish
from mlmagic.widgets.profiles import headline, profile_card, progress_card

INSERTING = "Run any cell: {what} appears below it."


class ProfilePane(widgets.VBox):
    """Requests and a goal, a button that measures, how far that is, and the size that comes of it."""

    def __init__(self, state: FormState, work: FormWork, take: Callable[[tuple[float, float]], None]) -> None:
        self._state = state
        self.requests = Choice("Requests", self._show_dataset)
        self.dataset = fields.line(
            "Profiling dataset", "a variable, an expression or a file; empty: the sample"
        )
        self.p99 = fields.line("p99 at most (ms)", "empty: no goal")
        self.rps = fields.line("Requests per second", "empty: no goal")
        self.start = fields.button("Profile", lambda: work.profile(self._wish()))
        self.accept = fields.button("Take the recommended size", lambda: self._accept(take))
        self.card = widgets.HTML()
        buttons = widgets.HBox([self.start, self.accept])
        super().__init__([self.requests, self.dataset, self.p99, self.rps, buttons, self.card])
        state.observe(self._offer_requests, ["there"])
        state.observe(self._switch, ["advice", "busy", "problems"])
        state.observe(self._draw, ["profiling", "profile_words"])
        state.observe(self._draw_advice, ["advice"])
        self._offer_requests()
        self._switch()
        self._draw_advice()

    def _wish(self) -> ProfileWish:
        recorded_by = str(self.requests.value)
        return ProfileWish(self.dataset.value, recorded_by, self.p99.value, self.rps.value)

    def _offer_requests(self, _change: Any = None) -> None:
        there = self._state.there
        chosen = str(self.requests.value) if self.requests.value in there.recorded else choices.THE_DATASET
        self.requests.offer(choices.requests(there), chosen)
        self.requests.layout.display = "" if there.recorded else "none"
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
        if state.profile_words:
            self.card.value = fields.problem_note(state.profile_words)
        elif state.profiling is not None:
            progress, profile = state.profiling
            over = profile.state is not ProfileState.RUNNING
            self.card.value = (profile_card(profile) if over else progress_card(progress, profile)).markup
        else:
            self._draw_advice()

    def _draw_advice(self, _change: Any = None) -> None:
        """What was measured before; of a profile that was made here, its card tells."""
        state = self._state
        if state.profiling is None and not state.profile_words:
            words = f"Profile {state.advice.name}: {headline(state.advice)}" if state.advice else ""
            self.card.value = fields.said(words)


class EquivalentsPane(widgets.VBox):
    """The line, the Python or the file that does the same, and a button that puts it into the notebook."""

    def __init__(self, state: FormState, notebook: Notebook) -> None:
        self._state, self._notebook = state, notebook
        self.which = Choice("The same as", self._draw)
        self.which.offer(
            [("a magic line", LINE), ("Python (Azure ML SDK v1)", PYTHON), ("deploymentconfig.json", FILE)],
            LINE,
        )
        self.what = Choice("Insert", self._draw)
        self.what.offer([("the magic line", LINE), ("the Python", PYTHON)], LINE)
        self.insert = fields.button("Insert into the notebook", self._insert)
        self.text, self.note = widgets.HTML(), widgets.HTML()
        super().__init__([self.which, self.text, self.what, widgets.HBox([self.insert]), self.note])
        state.observe(self._draw, ["texts", "problems"])
        self._draw()

    def _insert(self) -> None:
        chosen = self.what.value
        self._notebook.insert_below(self._state.texts[chosen])
        self.note.value = fields.said(INSERTING.format(what="the line" if chosen == LINE else "the Python"))

    def _draw(self, _change: Any = None) -> None:
        shown = self._state.texts[self.which.value]
        named = f'role="region" aria-label="{escape(str(self.which.label))}"'
        self.text.value = f"{self._caption()}{html.pre(shown, named)}"
        self.insert.disabled = bool(self._state.problems)
        self.note.value = ""

    def _caption(self) -> str:
        values = self._state.values
        if self.which.value != FILE or equivalents.is_documented(values):
            return ""
        return fields.said(
            f"The file has no word for the target {values.target!r}: name it with --ct {values.target}."
        )


class DeployPane(widgets.VBox):
    """The button, why it is off, how a deploy goes, and why it failed."""

    def __init__(self, state: FormState, work: FormWork) -> None:
        self._state = state
        self.deploy = fields.button("Deploy", work.deploy, primary=True)
        self.cancel = fields.button("Cancel", work.cancel)
        self.refresh = fields.button("Look around again", work.look_around)
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
            self.status.value = failed + fields.said(why_off(state.problems))
        elif state.record is None:
            self.status.value = fields.said(f"{state.busy} …")
        else:
            self.status.value = service_card(state.record, state.notes).markup


def why_off(problems: dict[str, str]) -> str:
    """Why the button is off, naming the fields; nothing where it is not."""
    if not problems:
        return ""
    names = ", ".join(dict.fromkeys(title_of(name) for name in problems))
    return f"Deploy is off until these are corrected: {names}."


def title_of(field: str) -> str:
    """What people read of a field."""
    return fields.TITLES.get(field, "Who may ask" if "auth" in field else field.capitalize())
