"""The live table of profiles as a widget."""

from __future__ import annotations

from typing import Any

from mlmagic.widgets.component import Component, source
from mlmagic.widgets.profiles_grid.live_profiles import LiveProfiles

PROFILES = "application/vnd.mlmagic.profiles+json"
"""The MIME type that names the profiles of a ``workspace`` (`Location.key`)."""


class ProfilesGrid(LiveProfiles, Component):
    """The live table of profiles, over a notebook's kernel."""

    _esm = source("profiles_grid", "profilesGrid")

    def reference(self) -> dict[str, Any]:
        return {PROFILES: {"workspace": self.workspace}}

    def __repr__(self) -> str:
        return "profiles: live table (it needs a running kernel)"
