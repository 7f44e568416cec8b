"""`Workspace`: the handle people script with; everything it does, the engine does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from mlmagic.core.model import ModelFilter
from mlmagic.core.names import check_workspace_name
from mlmagic.engine.engine import Engine
from mlmagic.errors import AlreadyExists, NotFound
from mlmagic.sdk.compute import ComputeTarget
from mlmagic.sdk.dataset import Dataset
from mlmagic.sdk.datastore import Datastore
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.exceptions import WorkspaceException, raises
from mlmagic.sdk.local_webservice import LocalWebservice as _LocalWebservice  # noqa: F401 (known by its target)
from mlmagic.sdk.model import Model
from mlmagic.sdk.webservice import Webservice
from mlmagic.workspace.location import Location, existing, find_config, locate, read_config, with_files


@raises(WorkspaceException)
class Workspace:
    """One workspace: ``.models`` and ``.webservices`` by name."""

    def __init__(
        self,
        subscription_id: str | Location | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
        auth: object = None,
        **more: Any,
    ) -> None:
        """The one called ``workspace_name``; without a name the one that is found from here. Who asks, and in
        which subscription, is not looked at.
        """
        if isinstance(subscription_id, Location):
            self._location = subscription_id
        elif workspace_name is not None:
            self._location = existing(workspace_name)
        else:
            self._location = locate()
        self.engine = Engine.of(self._location)

    @classmethod
    def over(cls, engine: Engine) -> Workspace:
        """The workspace of an engine that is open."""
        made = object.__new__(cls)
        made._location, made.engine = engine.location, engine
        return made

    @classmethod
    def from_config(cls, path: str | Path | None = None, auth: object = None, **more: Any) -> Workspace:
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
            return cls(with_files(read_config(start)))
        found = find_config(start.absolute()) if start.is_dir() else None
        if found is None:
            raise NotFound(
                "workspace configuration file",
                str(path or "config.json"),
                hint=f"None names a workspace in {start.absolute()} or above it.",
            )
        return cls(with_files(read_config(found)))

    @classmethod
    def get(
        cls,
        name: str,
        auth: object = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        **more: Any,
    ) -> Workspace:
        """Open this user's workspace called ``name``; raises if there is none."""
        return cls(existing(name))

    @classmethod
    def create(
        cls,
        name: str,
        auth: object = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        location: str | None = None,
        *,
        exist_ok: bool = False,
        **more: Any,
    ) -> Workspace:
        """Make a workspace of this user's; raises for a name that is taken unless ``exist_ok``."""
        place = replace(
            Location.named(check_workspace_name(name), found_by="its name"),
            subscription_id=subscription_id or "",
            resource_group=resource_group or "",
        )
        if place.folder.is_dir() and not exist_ok:
            raise AlreadyExists(
                "workspace", name, hint="Open it with Workspace.get(), or pass exist_ok=True."
            )
        return cls(place)

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
        if self._location.files_url:
            values["files_url"] = self._location.files_url
        target.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        return target

    @property
    def name(self) -> str:
        """As its folder, or its configuration, says."""
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
        """As its configuration says; it means nothing here."""
        return self._location.subscription_id

    @property
    def resource_group(self) -> str:
        """As its configuration says; it means nothing here."""
        return self._location.resource_group

    @property
    def models(self) -> dict[str, Model]:
        """The newest version of each model, by name."""
        newest = self.engine.models.list(ModelFilter(latest=True))
        return {model.name: Model.of(self.engine, model) for model in newest}

    @property
    def webservices(self) -> dict[str, Webservice]:
        """The services, by name."""
        return {each.name: Webservice.of(self.engine, each) for each in self.engine.services.list()}

    @property
    def environments(self) -> dict[str, Environment]:
        """The newest version of each registered environment, by name."""
        return Environment.list(self)

    @property
    def compute_targets(self) -> dict[str, ComputeTarget]:
        """What was attached, by name."""
        return {target.name: target for target in ComputeTarget.list(self)}

    @property
    def datasets(self) -> dict[str, Any]:
        """The newest version of each registered dataset, by name."""
        return Dataset.get_all(self)

    @property
    def datastores(self) -> dict[str, Datastore]:
        """By name."""
        default = self.get_default_datastore()
        return {path.name: Datastore(self, path.name) for path in sorted(default.folder.parent.iterdir())}

    images: ClassVar[dict[str, Any]] = {}
    """None: services here are not made of images that the workspace knows."""

    def get_default_datastore(self) -> Datastore:
        """The folder that files are uploaded to."""
        return Datastore.get_default(self)

    @property
    def location(self) -> str:
        """Here."""
        return "local"

    def get_details(self) -> dict[str, Any]:
        """What is known of it, with the first SDK's keys."""
        return {
            "id": f"/workspaces/{self.name}",
            "name": self.name,
            "location": self.location,
            "type": "mlmagic",
            "workspaceid": str(self.folder),
            "friendlyName": self.name,
        }

    def __repr__(self) -> str:
        return f"Workspace(name={self.name!r}, folder={str(self.folder)!r}, found_by={self.found_by!r})"
