"""A registered model: its name, version, files and description."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlmagic.core.compilation import Compilation
from mlmagic.core.configuration import ResourceConfiguration
from mlmagic.core.names import check_model_name
from mlmagic.errors import InvalidConfig, UsageError

FRAMEWORKS = (
    *("Custom", "TensorFlow", "ScikitLearn", "Onnx", "TfKeras", "PyTorch", "Multi"),
    *("XGBoost", "LightGBM", "MLflow"),  # in addition to Azure ML v1's
)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a model or of a script's source: its relative path, and the digest of its content."""

    path: str
    """Relative, with forward slashes."""
    digest: str
    """SHA-256 of the content, in hexadecimal."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class CompiledFile:
    """What compiling one file of a model to ONNX gave: the files that serve instead of it, or why not."""

    path: str
    """The file of the model; empty if the model as a whole cannot be compiled."""
    key: str
    """The versions and the sample that the result depends on: with others the file is compiled again."""
    compilation: Compilation
    parts: tuple[StoredFile, ...] = ()
    """What serves instead of the file, with paths of its own; nothing if it is not compiled."""


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """The description of a model to register; checked when created.

    Raises `InvalidConfig` for a bad name, a tag or property that is not text, a framework version
    without a framework, or an unknown framework.
    """

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    framework: str | None = None
    framework_version: str | None = None
    sample_input: Any = None
    sample_output: Any = None
    resource_configuration: ResourceConfiguration | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)
    """The distributions and versions with which the stored object was saved."""
    modules: tuple[str, ...] = ()
    """The modules that loading the stored object imports."""
    definitions: str = ""
    """Source of the notebook's classes and functions that loading the stored object needs."""
    python_version: str = ""
    run_id: str = ""
    """The id of the run that produced the model."""
    experiment_name: str = ""
    datasets: tuple[tuple[str, str], ...] = ()
    """Pairs of scenario and id of the datasets that the model was trained on."""
    compile: bool = False
    """Whether its services use the compiled model, unless they refuse it."""

    def __post_init__(self) -> None:
        check_model_name(self.name)
        check_labels("tags", self.tags)
        check_labels("properties", self.properties)
        if self.framework is not None and self.framework not in FRAMEWORKS:
            raise InvalidConfig("framework", self.framework, f"must be one of {', '.join(FRAMEWORKS)}")
        if self.framework_version is not None and self.framework is None:
            raise InvalidConfig(
                "framework_version",
                self.framework_version,
                "needs a framework",
                hint="Name the framework too.",
            )


@dataclass(frozen=True, slots=True)
class Model:
    """One registered version. Its files are immutable; tags and the description may change."""

    details: ModelDescription
    version: int
    files: tuple[StoredFile, ...]
    created_time: float
    """Seconds since the epoch, UTC."""
    compiled: tuple[CompiledFile, ...] = ()
    """What compiling it gave; empty for a model that nobody has compiled."""

    @property
    def name(self) -> str:
        return self.details.name

    @property
    def id(self) -> str:
        """``name:version``, as in Azure ML v1."""
        return f"{self.name}:{self.version}"

    @property
    def tags(self) -> Mapping[str, str]:
        return self.details.tags

    @property
    def properties(self) -> Mapping[str, str]:
        return self.details.properties

    @property
    def framework(self) -> str | None:
        return self.details.framework

    @property
    def size(self) -> int:
        """The size of all files in bytes."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class ModelFilter:
    """Which models to list. A tag or property is ``key`` (any value) or ``key=value``."""

    name: str | None = None
    tags: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    framework: str | None = None
    latest: bool = False
    run_id: str | None = None

    def accepts(self, model: Model) -> bool:
        """Whether ``model`` passes (except ``latest``, which the caller checks over all versions)."""
        return (
            (self.name is None or model.name == self.name)
            and (self.framework is None or model.framework == self.framework)
            and (self.run_id is None or model.details.run_id == self.run_id)
            and self.accepts_labels(model.tags, model.properties)
        )

    def accepts_labels(self, tags: Mapping[str, str], properties: Mapping[str, str]) -> bool:
        """Whether the tags and properties match the filter."""
        return all(_label_matches(tags, wanted) for wanted in self.tags) and all(
            _label_matches(properties, wanted) for wanted in self.properties
        )


def check_labels(field_name: str, labels: Mapping[str, str]) -> None:
    """Raises `InvalidConfig` unless keys and values are text and no key is empty."""
    for key, value in labels.items():
        if not isinstance(key, str) or not key:
            raise InvalidConfig(f"{field_name} key", key, "must be text that is not empty")
        if not isinstance(value, str):
            raise InvalidConfig(f"{field_name}[{key!r}]", value, "must be text", hint=f"Use {str(value)!r}.")


def as_labels(given: Mapping[str, Any] | None) -> dict[str, str]:
    """Tags as v1 code gives them: a value that is not text becomes JSON."""
    try:
        return {
            str(key): value if isinstance(value, str) else json.dumps(value)
            for key, value in (given or {}).items()
        }
    except TypeError as error:
        raise InvalidConfig("tags", given, f"must be JSON ({error})") from None


def added_properties(before: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """The properties together; raises `UsageError` with the keys that already have another value."""
    taken = [key for key, value in new.items() if key in before and before[key] != value]
    if taken:
        raise UsageError(f"properties never change, and {', '.join(taken)} are set", hint="Use tags.")
    return {**before, **new}


def parse_labels(option: str, given: Iterable[Any]) -> dict[str, str]:
    """``['a=1', {'b': '2'}]``, the values of ``option``, as one dict; raises `InvalidConfig` for others."""
    found: dict[str, str] = {}
    for item in given:
        if isinstance(item, Mapping):
            found.update({str(key): str(value) for key, value in item.items()})
            continue
        key, equals, value = str(item).partition("=")
        if not (key and equals):
            raise InvalidConfig(option, item, "must be KEY=VALUE")
        found[key] = value
    return found


def _label_matches(labels: Mapping[str, str], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def definitions_of(models: Iterable[Model]) -> str:
    """What the pickles of ``models`` need of the notebooks that made them, in one source; mostly ""."""
    found = dict.fromkeys(model.details.definitions for model in models)
    rows = [row for each in found if each for row in [*each.splitlines(), "", ""]]
    futures = list(dict.fromkeys(row for row in rows if row.startswith(_FUTURE)))
    others = [row for row in rows if not row.startswith(_FUTURE)]
    return "".join(f"{row}\n" for row in [*futures, *others])


_FUTURE = "from __future__ import "
