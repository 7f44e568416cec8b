"""Pins of the environments of images: looked up on this machine, before the image is built."""

from __future__ import annotations

import platform
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlmagic.core.conda_names import pip_requirements
from mlmagic.core.environment import EnvironmentNeeds, needs_of, python_minor
from mlmagic.core.notify import Notify
from mlmagic.core.replacements import Replacement, pin_of, with_replacements
from mlmagic.engine.environments import pythons, uv
from mlmagic.engine.environments.runtime import image_python
from mlmagic.errors import UsageError
from mlmagic.targets.base import Report
from mlmagic.targets.server_files import SERVER_REQUIREMENTS

if TYPE_CHECKING:
    from mlmagic.engine.environments import nearest

_PLATFORMS = {"x86_64": "x86_64-unknown-linux-gnu", "amd64": "x86_64-unknown-linux-gnu"}
_ARM = "aarch64-unknown-linux-gnu"


def replacements_for_image(
    record: Mapping[str, Any] | None,
    *,
    accepted: bool,
    report: Report,
    cancelled: threading.Event | None = None,
) -> tuple[Replacement, ...]:
    """The versions to install in an image in place of pins of its environment that cannot be installed.

    Raises `BuildFailed`, with a line for each such pin, unless the nearest versions are ``accepted``. Where
    this machine cannot find out, without uv for example, nothing is replaced: the build of the image decides.
    """
    needs = needs_of(record)
    place = _place(needs)
    if needs.user_managed or place is None:
        return ()
    lines = pip_requirements(needs)
    if not any(map(pin_of, lines)):
        return ()
    from mlmagic.engine.environments import nearest

    found = nearest.find(lines, place, cancelled or threading.Event())
    if found.unavailable and not (accepted and found.replacements):
        raise found.error()
    for each in found.replacements:
        report(each.words)
    return found.replacements


def with_available_versions(
    record: Mapping[str, Any] | None,
    *,
    accepted: bool,
    notify: Notify,
    cancelled: threading.Event | None = None,
) -> Mapping[str, Any] | None:
    """The environment of an image, with the Python and the versions that are used beside those it names.

    Raises `InvalidConfig` and `BuildFailed` for what cannot be installed, unless the nearest is ``accepted``.
    """
    if not record:
        return record
    python = image_python(needs_of(record), nearest=accepted)
    for each in python:
        notify(each.words)
    known = with_replacements(record, python)
    found = replacements_for_image(known, accepted=accepted, report=notify, cancelled=cancelled)
    return with_replacements(known, found)


def _place(needs: EnvironmentNeeds) -> nearest.Place | None:
    """The Python of the image; None if it is not known, or there is no uv."""
    from mlmagic.engine.environments import nearest

    if needs.needs_image and needs.python is None:
        return None
    try:
        uv.find()
    except UsageError:
        return None
    minor = python_minor(needs.python) if needs.python else pythons.this_interpreter().minor
    here = [each for each in _interpreters(minor) if each.minor == minor]
    return nearest.Place(
        ".".join(map(str, minor)),
        here[0].path if here else None,
        _PLATFORMS.get(platform.machine().lower(), _ARM),
        needs.pip_options,
        SERVER_REQUIREMENTS,
    )


def _interpreters(minor: tuple[int, int]) -> list[pythons.Interpreter]:
    """Interpreters that build packages as the image would."""
    if sys.platform != "linux":
        return []
    own = pythons.this_interpreter()
    return [own] if own.minor == minor else pythons.interpreters()
