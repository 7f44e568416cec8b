"""A deploy form's state, as traits: what was typed, what follows from it, and how far its work is.

Threads set these traits, and nothing else.
"""

from __future__ import annotations

import threading
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Dict, HasTraits, List, Unicode, observe

from mlmagic.widgets.form import equivalents
from mlmagic.widgets.form.rules import Surroundings, problems
from mlmagic.widgets.form.values import FormValues, Script, ScriptKind, offered, read_setting

LINE, PYTHON, FILE = "line", "python", "file"
NOTHING_YET = "It stands here when there is nothing left to correct."


class FormState(HasTraits):
    """What a form shows, without how."""

    service = Unicode("")
    models = List(Unicode())
    script = AnyTrait(Script())
    """Which script, as a `Script`; of a file, its name and folder are typed."""
    script_file = Unicode("")
    script_folder = Unicode("")
    environment = Unicode("")
    nearest_python = Bool(False)
    target = Unicode("local")
    overwrite = Bool(False)
    settings = Dict()
    """By argument, as it was typed or ticked."""
    there = AnyTrait(Surroundings())
    workspace = Unicode(equivalents.FROM_CONFIG)
    """The workspace, as Python."""

    problems = Dict()
    """By field, in words."""
    texts = Dict({LINE: NOTHING_YET, PYTHON: NOTHING_YET, FILE: NOTHING_YET})

    busy = Unicode("")
    """What is being done; empty while nothing is."""
    notes = List(Unicode())
    """What the engine says of it meanwhile."""
    error = Unicode("")
    """Why the last deploy failed, in its own words."""
    record = AnyTrait(None, allow_none=True)
    """The service that is, or was, being deployed."""
    deployed = Bool(False)
    profiling = AnyTrait(None, allow_none=True)
    """The progress of a profile and the profile, as they were last told."""
    profile_words = Unicode("")
    """Why there is no profile."""
    advice = AnyTrait(None, allow_none=True)
    """The size that the last profile of these models recommends, and the profile's name."""

    def __init__(self, **traits: Any) -> None:
        self._following = threading.RLock()
        super().__init__(**traits)

    @property
    def values(self) -> FormValues:
        """The form as it stands."""
        script: Script = self.script
        if script.kind is ScriptKind.FILE:
            script = Script(script.kind, self.script_file.strip(), self.script_folder.strip())
        settings = {
            name: read_setting(argument, self.settings[name])
            for name, argument in offered(self.target).items()
            if name in self.settings
        }
        return FormValues(
            self.service.strip(),
            tuple(self.models),
            script,
            self.environment,
            self.nearest_python,
            self.target,
            settings,
            self.overwrite,
        )

    def set(self, **raw: Any) -> None:
        """Change some settings."""
        self.settings = {**self.settings, **raw}

    @observe(
        "service",
        "models",
        "script",
        "script_file",
        "script_folder",
        "environment",
        "nearest_python",
        "target",
        "overwrite",
        "settings",
        "there",
        "workspace",
    )
    def _follow(self, _change: Any = None) -> None:
        with self._following:  # a thread may look around while somebody types
            self._derive()

    def _derive(self) -> None:
        values = self.values
        self.problems = problems(values, self.there)
        if self.problems:
            self.texts = dict.fromkeys((LINE, PYTHON, FILE), NOTHING_YET)
        else:
            self.texts = {
                LINE: equivalents.magic_line(values),
                PYTHON: equivalents.python(values, self.workspace),
                FILE: equivalents.deployment_file(values),
            }
