"""The part of a workspace that its objects need; `mlmagic.sdk.workspace.Workspace` has the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.model import Model
from mlmagic.core.webservice import Webservice

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from mlmagic.workspace.location import Location


class WorkspaceBase(ABC):
    """A workspace as its models, services, runs and other objects know it."""

    engine: Engine
    _location: Location

    @property
    def name(self) -> str:
        """The name of its folder, or the one in its configuration."""
        return self._location.name

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self._location.folder

    @property
    def location_json(self) -> str:
        """Where the workspace is, as JSON text for another process of this machine."""
        return self._location.to_json()

    @property
    def setting(self) -> str:
        """The value of MLMAGIC_WORKSPACE that opens this workspace in another process."""
        url = self._location.database_url
        return str(self.folder) if url.startswith("sqlite") else url

    @abstractmethod
    def model_of(self, record: Model) -> Any:
        """The `mlmagic.sdk.model.Model` of a record."""

    @abstractmethod
    def service_class(self, record: Webservice) -> type[Any]:
        """The class of a service: LocalWebservice, AciWebservice, ... by its compute target."""
