"""Services, models and packages as data, with the keys that ``az ml`` prints and our own after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlmagic.cli.output import camel, plain
from mlmagic.core.compiled_models import lines_of, words_of

if TYPE_CHECKING:
    from mlmagic.core.model import Model
    from mlmagic.core.package import Package
    from mlmagic.core.webservice import Webservice
    from mlmagic.engine.engine import Engine

_OF_SERVICES = (
    *("id", "target", "desired", "revision", "serving", "candidate", "url", "words", "restarts", "machine"),
    *("replacements", "replicas", "endpoint", "version_figures"),
)
_OF_MODELS = ("libraries", "modules", "python_version")


def service_record(opened: Engine, record: Webservice) -> dict[str, Any]:
    """A service: Azure ML v1's keys, then those of its revisions, replicas and traffic."""
    from mlmagic.sdk.webservice import Webservice as Handle
    from mlmagic.sdk.workspace import Workspace
    from mlmagic.workspace.identity import machine

    theirs = Handle.of(Workspace.over(opened), record).serialize()
    return {
        **theirs,
        **_own(record, _OF_SERVICES),
        "compilation": list(lines_of(record.compiled)),
        "stats": {camel(name): value for name, value in record.stats.items()},
        "reachableFromHere": record.is_reachable_from(machine()),
    }


def model_record(opened: Engine, record: Model) -> dict[str, Any]:
    """A model: Azure ML v1's keys, then those of its files and libraries."""
    from mlmagic.sdk.workspace import Workspace

    theirs = Workspace.over(opened).model_of(record).serialize()
    files = [file.path for file in record.files]
    compiled = list(words_of(record.compiled))
    return {**theirs, "files": files, "size": record.size, "compilation": compiled} | _own(
        record.details, _OF_MODELS
    )


def package_record(made: Package) -> dict[str, Any]:
    """A package without its log."""
    record: dict[str, Any] = plain(replace(made, log=()))
    del record["log"]
    return record


def deleted(kind: str, name: str) -> dict[str, Any]:
    """What is printed of something that is not there any more."""
    return {kind: name, "deleted": True}


def _own(record: Any, names: Sequence[str]) -> dict[str, Any]:
    return {camel(name): plain(getattr(record, name)) for name in names}
