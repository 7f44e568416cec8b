"""The location of a workspace: a folder with the files, and a database.

    FOLDER/
      workspace.db        the rows (SQLite), unless a database URL is given
      files/ab/abcd...    model and script files by content hash, read-only
      incoming/OWNER/     files that are being stored; removed when their owner has ended
      services/ID/rN/     one revision of a service as it runs: app/, azureml-models/, log, report
      backups/            copies of the database, the newest three
      collected/          collected data of services on this machine
      bells/PORT          processes that listen for wake-up signals

Found in this order: MLMAGIC_WORKSPACE (a folder or a database URL), a ``config.json`` here or in a
parent folder, the user's own default workspace. A team's files may lie elsewhere too: MLMAGIC_FILES, or
``files_url`` in the file, names the store (see `remote_files`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from mlmagic.core.names import check_workspace_name
from mlmagic.errors import InvalidConfig, NotFound

ENVIRONMENT_VARIABLE = "MLMAGIC_WORKSPACE"
FILES_VARIABLE = "MLMAGIC_FILES"
DEFAULT_NAME = "default"
DATABASE_FILE = "workspace.db"
_DATABASES = "databases"
# The v1 SDK looks for these, in this order, in each folder on the way up.
_CONFIG_FILES = ("config.json", ".azureml/config.json", "aml_config/config.json")


@dataclass(frozen=True, slots=True)
class Location:
    """The folder and the database of a workspace. ``found_by`` is the rule that found it."""

    name: str
    folder: Path
    database_url: str
    found_by: str = ""
    subscription_id: str = ""
    resource_group: str = ""
    files_url: str = ""
    """The fsspec URL of a team's file store; empty if files are in the folder only."""
    compute: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The compute targets that stand for Azure ML v1's compute types: see `mlmagic.core.compute_mapping`."""

    @classmethod
    def of_folder(cls, folder: Path, *, name: str | None = None, found_by: str = "") -> Location:
        """A workspace in a folder, with a SQLite database."""
        folder = folder.expanduser().absolute()
        return cls(name or folder.name or DEFAULT_NAME, folder, _sqlite_url(folder), found_by)

    @classmethod
    def of_url(cls, url: str, *, found_by: str = "") -> Location:
        """A workspace with the database at ``url``, and its files in a folder of the user."""
        scheme, _, rest = url.partition("://")
        if scheme.startswith("sqlite"):
            return cls.of_folder(Path(rest.removeprefix("/")).parent, found_by=found_by)
        name = rest.rpartition("/")[2].partition("?")[0] or DEFAULT_NAME
        folder = user_folder() / _DATABASES / f"{name}-{sha256(_place(rest).encode()).hexdigest()[:12]}"
        return cls(name, folder, url, found_by)

    @property
    def collected_folder(self) -> Path:
        """The folder of collected data."""
        return self.folder / "collected"

    @property
    def key(self) -> str:
        """16 characters that identify the workspace, without its path or the password of its database."""
        scheme, _, rest = self.database_url.partition("://")
        place = rest if scheme.startswith("sqlite") else _place(rest)
        return sha256(place.encode()).hexdigest()[:16]

    @property
    def has_password(self) -> bool:
        """Whether the database's URL contains a password."""
        return ":" in self.database_url.partition("://")[2].rpartition("@")[0]

    def to_json(self) -> str:
        """The location as JSON text, for another process of this machine."""
        return json.dumps({**asdict(self), "folder": str(self.folder)})

    @classmethod
    def from_json(cls, text: str) -> Location:
        """The inverse of `to_json`."""
        values = json.loads(text)
        return cls(**{**values, "folder": Path(values["folder"])})

    @classmethod
    def named(cls, name: str, *, found_by: str = "") -> Location:
        """The user's own workspace called ``name``."""
        return cls.of_folder(user_folder() / check_workspace_name(name), name=name, found_by=found_by)


def locate(environ: Mapping[str, str] = os.environ, start: Path | None = None) -> Location:
    """The workspace to use when none is named."""
    setting = environ.get(ENVIRONMENT_VARIABLE, "").strip()
    if setting:
        found_by = f"environment variable {ENVIRONMENT_VARIABLE}"
        if "://" in setting:
            return with_files(Location.of_url(setting, found_by=found_by), environ)
        return with_files(Location.of_folder(Path(setting), found_by=found_by), environ)
    config = find_config(start or Path.cwd())
    if config is not None:
        return with_files(read_config(config), environ)
    return with_files(Location.named(DEFAULT_NAME, found_by="the user's default workspace"), environ)


def with_files(location: Location, environ: Mapping[str, str] = os.environ) -> Location:
    """The location with the file store of the environment variable, if it is set."""
    return replace(location, files_url=environ.get(FILES_VARIABLE, "").strip() or location.files_url)


def existing(name: str) -> Location:
    """The user's own workspace called ``name``. Raises `NotFound` with the existing ones."""
    location = Location.named(name, found_by="its name")
    if name == _DATABASES or not location.folder.is_dir():
        error = NotFound("workspace", name, names())
        error.hint += f" Create it with: mlmagic workspace create -n {name}"
        raise error
    return with_files(location)


def names() -> list[str]:
    """The names of the user's own workspaces."""
    # One of the folders is for workspaces with a database on a server: these cannot be opened by name.
    return sorted(path.name for path in user_folder().glob("*") if path.is_dir() and path.name != _DATABASES)


def find_config(start: Path) -> Path | None:
    """The nearest configuration file that names a workspace, from ``start`` upwards."""
    for folder in (start, *start.parents):
        for relative in _CONFIG_FILES:
            path = folder / relative
            # Many tools have a config.json: only one that names a workspace is ours.
            if path.is_file() and "workspace_name" in _read_object(path):
                return path
    return None


def read_config(path: Path) -> Location:
    """Open the location that a configuration file names.

    Keys: Azure ML v1's ``workspace_name``, ``subscription_id`` and ``resource_group``; mlmagic's own are
    ``folder`` (relative to the file), ``database_url``, ``files_url`` and ``compute``.
    """
    if not path.is_file():
        raise NotFound(
            "workspace configuration file", str(path), hint="Write one with Workspace.write_config()."
        )
    values = _read_object(path)
    name = values.get("workspace_name")
    if not isinstance(name, str):
        raise InvalidConfig(
            "workspace_name", name, f"must be text, in {path}", hint='For example {"workspace_name": "team"}.'
        )
    found_by = str(path)
    if isinstance(values.get("database_url"), str):
        base = Location.of_url(values["database_url"], found_by=found_by)
    elif isinstance(values.get("folder"), str):
        base = Location.of_folder(path.parent / values["folder"], name=name, found_by=found_by)
    else:
        base = Location.named(name, found_by=found_by)
    return Location(
        name,
        base.folder,
        base.database_url,
        found_by,
        str(values.get("subscription_id", "")),
        str(values.get("resource_group", "")),
        str(values.get("files_url", "")),
        values.get("compute") or {},
    )


def user_folder() -> Path:
    """The folder of this user's workspaces."""
    from platformdirs import user_data_path

    return user_data_path("mlmagic", appauthor=False) / "workspaces"


def _sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / DATABASE_FILE}"


def _place(rest: str) -> str:
    """The part of a database URL that identifies the database, without user and password."""
    where, _, query = rest.partition("?")
    options = sorted(pair for pair in parse_qsl(query) if pair[0] in ("host", "port", "dbname", "options"))
    return where.rpartition("@")[2] + "".join(f"?{key}={value}" for key, value in options)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
