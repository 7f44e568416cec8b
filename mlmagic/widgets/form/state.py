"""The state of a deploy form as traits: its input, what is derived from it, and the progress of its jobs.

Threads set these traits, and nothing else.
"""

from __future__ import annotations

import threading
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Dict, Float, HasTraits, List, Unicode, observe

from mlmagic.widgets.form import equivalent_code
from mlmagic.widgets.form.validation import Available, ProfileWish, problems, profile_problems, remarks
from mlmagic.widgets.form.values import FormValues, Script, offered, read_setting

LINE, PYTHON, FILE = "line", "python", "file"
NOTHING_YET = "Shown when all fields are valid."


class FormState(HasTraits):
    """The state of a form, without its widgets."""

    service = Unicode("")
    models = List(Unicode())
    script = AnyTrait(Script())
    """A `Script`."""
    environment = Unicode("")
    nearest = Bool(False)
    target = Unicode("local")
    overwrite = Bool(False)
    settings = Dict()
    """By argument: the input of its field."""
    wish = AnyTrait(ProfileWish())
    """The input for a profile."""
    available = AnyTrait(Available())
    workspace = Unicode(equivalent_code.FROM_CONFIG)
    """The Python expression that opens the workspace."""

    problems = Dict()
    """By field: why it is not valid."""
    profile_problems = Dict()
    """The same of the fields for a profile, which do not stop a deploy."""
    remarks = Dict()
    """By field: what is valid and probably not meant."""
    texts = Dict({LINE: NOTHING_YET, PYTHON: NOTHING_YET, FILE: NOTHING_YET})

    job = Unicode("")
    """The kind of the last job: ``deploy`` or ``profile``."""
    busy = Unicode("")
    """The name of the running job; empty if there is none."""
    began = Float()
    """When it began, in seconds since the epoch."""
    notes = List(Unicode())
    """The messages of the engine about it."""
    error = Unicode("")
    """The error of the last deploy."""
    record = AnyTrait(None, allow_none=True)
    """The service of the last deploy."""
    deployed = Bool(False)
    profiling = AnyTrait(None, allow_none=True)
    """The last progress of a profile, and the profile."""
    profile_error = Unicode("")
    """The error of the last profile."""
    advice = AnyTrait(None, allow_none=True)
    """The newest profile of these models that has a recommendation."""

    def __init__(self, **traits: Any) -> None:
        self._deriving = threading.RLock()
        super().__init__(**traits)

    @property
    def values(self) -> FormValues:
        """The content of the form."""
        settings = {
            name: read_setting(argument, self.settings[name])
            for name, argument in offered(self.target).items()
            if name in self.settings
        }
        return FormValues(
            self.service.strip(),
            tuple(self.models),
            self.script,
            self.environment,
            self.nearest,
            self.target,
            settings,
            self.overwrite,
        )

    @observe(
        "service",
        "models",
        "script",
        "environment",
        "nearest",
        "target",
        "overwrite",
        "settings",
        "wish",
        "available",
        "workspace",
    )
    def _follow(self, _change: Any = None) -> None:
        with self._deriving:  # a thread may refresh while the user types
            self._derive()

    def _derive(self) -> None:
        values = self.values
        self.problems = problems(values, self.available)
        self.profile_problems = profile_problems(self.wish, values.models, self.available)
        self.remarks = remarks(values, self.available)
        if self.problems:
            self.texts = dict.fromkeys((LINE, PYTHON, FILE), NOTHING_YET)
        else:
            self.texts = {
                LINE: equivalent_code.magic_line(values),
                PYTHON: equivalent_code.python(values, self.workspace),
                FILE: equivalent_code.deployment_file(values),
            }
