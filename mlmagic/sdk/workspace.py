"""`Workspace`: the handle people script with; everything it does, the engine does."""

from __future__ import annotations

import json
from pathlib import Path

from mlmagic.core.model import ModelFilter
from mlmagic.core.names import check_workspace_name
from mlmagic.engine.engine import Engine
from mlmagic.errors import AlreadyExists, NotFound
from mlmagic.sdk.model import Model
from mlmagic.sdk.webservice import Webservice
from mlmagic.workspace.location import Location, find_config, locate, read_config, user_folder


class Workspace:
    """One workspace: ``.models`` and ``.webservices`` by name."""

    def __init__(self, location: Location | None = None) -> None:
        self._location = location or locate()
        self.engine = Engine.of(self._location)

    @classmethod
    def from_config(cls, path: str | Path | None = None) -> Workspace:
        """Open the workspace a configuration file names.

        ``path`` is the file or a folder to look in (and its parents); the working folder by default. The
        documents' form (``subscription_id``, ``resource_group``, ``workspace_name``) opens the local
        workspace of that name. MLMAGIC_WORKSPACE, where set, overrides. Raises `NotFound`.
        """
        overridden = locate()
        if overridden.found_by.startswith("environment"):
            return cls(overridden)
        start = Path(path).expanduser() if path is not None else Path.cwd()
        if start.is_file():
            return cls(read_config(start))
        found = find_config(start.absolute()) if start.is_dir() else None
        if found is None:
            raise NotFound(
                "workspace configuration file",
                str(path or "config.json"),
                hint=f"None names a workspace in {start.absolute()} or above it.",
            )
        return cls(read_config(found))

    @classmethod
    def get(cls, name: str) -> Workspace:
        """Open this user's workspace called ``name``; raises `NotFound` if there is none."""
        location = Location.named(check_workspace_name(name), found_by="its name")
        if not location.folder.is_dir():
            known = [path.name for path in user_folder().glob("*") if path.is_dir()]
            raise NotFound("workspace", name, known)
        return cls(location)

    @classmethod
    def create(cls, name: str, *, exist_ok: bool = False) -> Workspace:
        """Make a workspace of this user's called ``name``; raises `AlreadyExists` unless ``exist_ok``."""
        location = Location.named(check_workspace_name(name), found_by="its name")
        if location.folder.is_dir() and not exist_ok:
            raise AlreadyExists(
                "workspace", name, hint="Open it with Workspace.get(), or pass exist_ok=True."
            )
        return cls(location)

    def write_config(self, path: str | Path = ".", file_name: str = "config.json") -> Path:
        """Write a file that `from_config` finds; returns its path."""
        target = Path(path).expanduser().absolute() / file_name
        target.parent.mkdir(parents=True, exist_ok=True)
        values = {
            "subscription_id": self._location.subscription_id,
            "resource_group": self._location.resource_group,
            "workspace_name": self.name,
        }
        if self._location.database_url != Location.of_folder(self.folder).database_url:
            values["database_url"] = self._location.database_url
        elif Location.named(self.name).folder != self.folder:
            values["folder"] = str(self.folder)
        target.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        return target

    @property
    def name(self) -> str:
        return self._location.name

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self._location.folder

    @property
    def found_by(self) -> str:
        """Which rule led here: a configuration file, the environment variable, a name, or the default."""
        return self._location.found_by

    @property
    def subscription_id(self) -> str:
        return self._location.subscription_id

    @property
    def resource_group(self) -> str:
        return self._location.resource_group

    @property
    def models(self) -> dict[str, Model]:
        """The newest version of each model, by name."""
        newest = self.engine.models(ModelFilter(latest=True))
        return {model.name: Model(self.engine, model) for model in newest}

    @property
    def webservices(self) -> dict[str, Webservice]:
        """The services, by name."""
        return {service.name: Webservice(self.engine, service) for service in self.engine.services()}

    def __repr__(self) -> str:
        return f"Workspace(name={self.name!r}, folder={str(self.folder)!r}, found_by={self.found_by!r})"
