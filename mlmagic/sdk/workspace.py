"""`Workspace`: models, services and the other objects of one workspace, by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from mlmagic.core import model as core_model
from mlmagic.core import webservice as core_webservice
from mlmagic.core.arguments import ComputeType
from mlmagic.core.model import ModelFilter
from mlmagic.core.names import check_workspace_name
from mlmagic.core.paths import join
from mlmagic.engine.engine import Engine
from mlmagic.errors import AlreadyExists, NotFound
from mlmagic.sdk.aci_webservice import AciWebservice
from mlmagic.sdk.aks_endpoint import AksEndpoint
from mlmagic.sdk.aks_webservice import AksWebservice
from mlmagic.sdk.compute import ComputeTarget
from mlmagic.sdk.dataset import Dataset
from mlmagic.sdk.datastore import Datastore
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.exceptions import WorkspaceException, raises
from mlmagic.sdk.local_webservice import LocalWebservice
from mlmagic.sdk.model import Model
from mlmagic.sdk.run import Experiment
from mlmagic.sdk.webservice import Webservice
from mlmagic.sdk.workspace_base import WorkspaceBase
from mlmagic.workspace.location import Location, existing, find_config, locate, read_config, with_files

SERVICE_CLASSES: Mapping[str, type[Webservice]] = {
    "local": LocalWebservice,
    "docker": AciWebservice,
    "kubernetes": AksWebservice,
}
"""By target, for services without a compute type; on other targets they are plain `Webservice` objects."""
_CLASSES_BY_TYPE: Mapping[ComputeType, type[Webservice]] = {
    ComputeType.LOCAL: LocalWebservice,
    ComputeType.ACI: AciWebservice,
    ComputeType.AKS: AksWebservice,
    ComputeType.AKS_ENDPOINT: AksEndpoint,
}


@raises(WorkspaceException)
class Workspace(WorkspaceBase):
    """One workspace. Its ``.models``, ``.webservices``, ``.environments``, ... are dicts by name."""

    def __init__(
        self,
        subscription_id: str | Location | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
        auth: object = None,
        **more: Any,
    ) -> None:
        """Open the workspace called ``workspace_name``, or without a name the one of the working folder.

        ``subscription_id``, ``resource_group`` and ``auth`` have no effect.
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
        """The workspace of an open engine."""
        made = object.__new__(cls)
        made._location, made.engine = engine.location, engine
        return made

    @classmethod
    def from_config(cls, path: str | Path | None = None, auth: object = None, **more: Any) -> Workspace:
        """Open the workspace a configuration file names.

        ``path`` is the file, or a folder to search with its parents (default: the working folder). Azure ML
        v1's form (``subscription_id``, ``resource_group``, ``workspace_name``) opens the local workspace of
        that name. Without ``path`` the variable MLMAGIC_WORKSPACE takes precedence over the working folder.
        Raises `NotFound`.
        """
        if path is None and (overridden := locate()).found_by.startswith("environment"):
            return cls(overridden)
        start = Path(path).expanduser() if path is not None else Path.cwd()
        if start.is_file():
            return cls(with_files(read_config(start)))
        found = find_config(start.absolute()) if start.is_dir() else None
        if found is None:
            raise NotFound(
                "workspace configuration file",
                str(path or "config.json"),
                hint=f"None names a workspace in {start.absolute()} or above it. "
                "Write one with Workspace.write_config().",
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
        """Open this user's workspace called ``name``. Raises `WorkspaceException` if there is none."""
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
        """Create a workspace for this user. Raises if it exists, unless ``exist_ok``."""
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
        """Write a configuration file that `from_config` reads; returns its path."""
        target = join(Path(path).expanduser().absolute(), file_name, "file_name")
        target.parent.mkdir(parents=True, exist_ok=True)
        values: dict[str, Any] = {
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
        if self._location.compute:
            values["compute"] = self._location.compute
        target.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        return target

    @property
    def found_by(self) -> str:
        """How the workspace was found: configuration file, environment variable, name or default."""
        return self._location.found_by

    @property
    def subscription_id(self) -> str:
        """The value in the configuration file; it has no effect."""
        return self._location.subscription_id

    @property
    def resource_group(self) -> str:
        """The value in the configuration file; it has no effect."""
        return self._location.resource_group

    @property
    def models(self) -> dict[str, Model]:
        """The newest version of each model, by name."""
        newest = self.engine.models.list(ModelFilter(latest=True))
        return {model.name: self.model_of(model) for model in newest}

    @property
    def webservices(self) -> dict[str, Webservice]:
        """The services, by name."""
        self.engine.supervision.ensure_for_services()
        return {each.name: Webservice.of(self, each) for each in self.engine.services.list()}

    def model_of(self, record: core_model.Model) -> Model:
        """The `Model` of a record."""
        return Model.of(self, record)

    def service_class(self, record: core_webservice.Webservice) -> type[Webservice]:
        """The class of a service: that of its compute type, wherever it runs, else that of its target."""
        if record.endpoint is not None:
            return AksEndpoint
        with suppress(NotFound):  # deleted meanwhile
            if compute := self.engine.services.revision(record).config.compute_type:
                return _CLASSES_BY_TYPE[ComputeType.parse(compute)]
        return SERVICE_CLASSES.get(record.target.partition(":")[0], Webservice)

    @property
    def environments(self) -> dict[str, Environment]:
        """The newest version of each registered environment, by name."""
        return Environment.list(self)

    @property
    def experiments(self) -> dict[str, Experiment]:
        """The experiments that have runs, by name."""
        return {each.name: each for each in Experiment.list(self)}

    @property
    def compute_targets(self) -> dict[str, ComputeTarget]:
        """The attached compute targets, by name."""
        return {target.name: target for target in ComputeTarget.list(self)}

    @property
    def datasets(self) -> dict[str, Any]:
        """The newest version of each registered dataset, by name."""
        return Dataset.get_all(self)

    @property
    def datastores(self) -> dict[str, Datastore]:
        """The datastores, by name."""
        default = self.get_default_datastore()
        return {path.name: Datastore(self, path.name) for path in sorted(default.folder.parent.iterdir())}

    images: ClassVar[dict[str, Any]] = {}
    """Always empty: a workspace has no list of images."""

    def get_default_datastore(self) -> Datastore:
        """The datastore that files are uploaded to by default."""
        return Datastore.get_default(self)

    @property
    def location(self) -> str:
        """Always ``local``."""
        return "local"

    def get_details(self) -> dict[str, Any]:
        """The workspace as a dict with Azure ML v1's keys."""
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
