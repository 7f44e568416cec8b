"""`Model`: a handle of one registered version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mlmagic.core import model as core
from mlmagic.core.configuration import DEFAULT_TARGET, DeploymentConfig, ResourceConfiguration
from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.core.names import ModelReference
from mlmagic.core.profile import Goal, Prices
from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.scoring.shims.models import Model as ScriptModel
from mlmagic.sdk.describing import dataset_id, described, sample_of
from mlmagic.sdk.exceptions import (
    ModelNotFoundException,
    WebserviceException,
    raises,
    told_with,
)
from mlmagic.sdk.labels import label_filter
from mlmagic.sdk.runs import SCHEMES, fetched

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from mlmagic.sdk.deployment import WebserviceDeploymentConfiguration
    from mlmagic.sdk.inference import InferenceConfig
    from mlmagic.sdk.package import ModelPackage
    from mlmagic.sdk.profile import ModelProfile
    from mlmagic.sdk.webservice import Webservice
    from mlmagic.sdk.workspace import Workspace

PAGE_SIZES = range(20, 256)
NO_GOAL = Goal()
Models = list["Model"]
Paths = list[str]
DatasetIds = dict[str, list[str]]
"""By scenario. These have names because `Model.list` hides the built-in one in its class."""


@raises(WebserviceException)
class Model:
    """One version of a model. Tags and description may change; files and properties do not.

    ``Model(workspace, name)`` finds the newest version that fits all that is named; ``id`` is
    ``name:version``. Raises `WebserviceException`, as all methods do; the message begins with
    ``ModelNotFound`` where there is none, which code of the first SDK looks for.
    """

    class Framework:
        """The names of frameworks; models of most are deployed without a script."""

        CUSTOM = "Custom"
        TENSORFLOW = "TensorFlow"
        SCIKITLEARN = "ScikitLearn"
        ONNX = "Onnx"
        TFKERAS = "TfKeras"
        PYTORCH = "PyTorch"
        MULTI = "Multi"
        XGBOOST = "XGBoost"
        LIGHTGBM = "LightGBM"
        MLFLOW = "MLflow"

    mime_type: ClassVar[str] = "application/x-python"
    created_by: ClassVar[str] = ""
    """Nobody: a workspace here knows no users."""

    def __init__(
        self,
        workspace: Workspace,
        name: str | None = None,
        id: str | None = None,
        tags: Sequence[Any] | None = None,
        properties: Sequence[Any] | None = None,
        version: int | None = None,
        run_id: str | None = None,
        model_framework: str | None = None,
        expand: bool = True,
        **more: Any,
    ) -> None:
        if not name and not id:
            raise UsageError("a model is found by its name or its id, and neither is given")
        reference = ModelReference.parse(id) if id else ModelReference(str(name), version and int(version))
        wanted = core.ModelFilter(
            reference.name,
            label_filter(tags),
            label_filter(properties),
            model_framework,
            latest=True,
            run_id=run_id,
        )
        self._engine = workspace.engine
        self._record = _find(workspace.engine, reference, wanted)

    @classmethod
    def of(cls, engine: Engine, record: core.Model) -> Model:
        """The handle of a record."""
        made = object.__new__(cls)
        made._engine, made._record = engine, record
        return made

    @staticmethod
    def register(
        workspace: Workspace,
        model_path: str | Path,
        model_name: str,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        datasets: Sequence[tuple[str, Any]] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        child_paths: Sequence[str] | None = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: ResourceConfiguration | None = None,
    ) -> Model:
        """Register a file or folder, wherever it lies, as the next version of ``model_name``.

        ``model_path`` may be MLflow's: ``runs:/RUN_ID/PATH`` or ``models:/NAME/VERSION``.
        """
        print(f"Registering model {model_name}")
        details = described(
            model_name,
            tags=tags,
            properties=properties,
            description=description,
            datasets=datasets,
            model_framework=model_framework,
            model_framework_version=model_framework_version,
            sample_input_dataset=sample_input_dataset,
            sample_output_dataset=sample_output_dataset,
            resource_configuration=resource_configuration,
        )
        engine = workspace.engine
        path = str(model_path)
        if path.startswith(SCHEMES):
            path = str(fetched(path))
        return Model.of(engine, engine.models.register(path, details, child_paths=child_paths, notify=print))

    @staticmethod
    def list(
        workspace: Workspace,
        name: str | None = None,
        tags: Sequence[Any] | None = None,
        properties: Sequence[Any] | None = None,
        run_id: str | None = None,
        latest: bool = False,
        dataset_id: str | None = None,
        expand: bool = True,
        page_count: int = 255,
        model_framework: str | None = None,
    ) -> Models:
        """Those that fit all that is named. A tag is ``'key'`` or ``['key', 'value']``."""
        if page_count not in PAGE_SIZES:
            raise InvalidConfig("page_count", page_count, "must be between 20 and 255")
        wanted = core.ModelFilter(
            name, label_filter(tags), label_filter(properties), model_framework, latest, run_id
        )
        found = workspace.engine.models.list(wanted)
        return [
            Model.of(workspace.engine, each)
            for each in found
            if dataset_id is None or dataset_id in {dataset for _, dataset in each.details.datasets}
        ]

    @staticmethod
    def get_model_path(
        model_name: str, version: int | None = None, _workspace: Workspace | None = None
    ) -> str:
        """Where a model's one file or folder is: as a script finds it, else fetched from the workspace.

        Raises `ModelNotFoundException`.
        """
        from mlmagic.scoring.shims import models as shim

        try:
            return ScriptModel.get_model_path(model_name, version)
        except shim.ModelNotFoundException as error:
            if _workspace is None:
                raise ModelNotFoundException(str(error)) from None
        model = Model(_workspace, model_name, version=version)
        return model.download(Path("azureml-models") / model.name / str(model.version), exist_ok=True)

    @property
    def name(self) -> str:
        """Under which its versions are registered."""
        return self._record.name

    @property
    def version(self) -> int:
        """Counts up from 1; a number is never given again."""
        return self._record.version

    @property
    def id(self) -> str:
        """``name:version``."""
        return self._record.id

    @property
    def tags(self) -> dict[str, str]:
        """What may change, text to text."""
        return dict(self._record.tags)

    @property
    def properties(self) -> dict[str, str]:
        """What is only added to, text to text."""
        return dict(self._record.properties)

    @property
    def description(self) -> str:
        """What it is."""
        return self._record.details.description

    @property
    def model_framework(self) -> str | None:
        """ScikitLearn, Onnx, ...; None for files that say nothing."""
        return self._record.framework

    @property
    def model_framework_version(self) -> str | None:
        """Of that framework."""
        return self._record.details.framework_version

    @property
    def libraries(self) -> dict[str, str]:
        """Distribution -> version the stored object was made with; empty for files."""
        return dict(self._record.details.libraries)

    @property
    def sample_input(self) -> Any:
        """What a request may look like, as JSON; None if there is none."""
        return self._record.details.sample_input

    @property
    def sample_output(self) -> Any:
        """What it gives."""
        return self._record.details.sample_output

    @property
    def resource_configuration(self) -> ResourceConfiguration | None:
        """Cores, gigabytes and GPUs it asks for where it is served."""
        return self._record.details.resource_configuration

    @property
    def created_time(self) -> datetime:
        """UTC."""
        return datetime.fromtimestamp(self._record.created_time, UTC)

    @property
    def files(self) -> Paths:
        """Paths inside the model, as a script finds them under AZUREML_MODEL_DIR."""
        return [file.path for file in self._record.files]

    @property
    def size(self) -> int:
        """Bytes."""
        return self._record.size

    @property
    def workspace(self) -> Workspace:
        """Where it is registered."""
        from mlmagic.sdk.workspace import Workspace

        return Workspace.over(self._engine)

    @property
    def run_id(self) -> str | None:
        """The run that made it."""
        return self._record.details.run_id or None

    @property
    def experiment_name(self) -> str | None:
        """Of the run that made it."""
        return self._record.details.experiment_name or None

    @property
    def datasets(self) -> DatasetIds:
        """Ids of datasets, by scenario."""
        found: DatasetIds = {}
        for scenario, dataset in self._record.details.datasets:
            found.setdefault(scenario, []).append(dataset)
        return found

    unpack, url, parent_id, derived_model_ids = False, "", None, ()

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags, replacing those of the same key."""
        self.update_tags_properties(add_tags=tags)
        print("Model tag add operation complete.")

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Remove tags; one that is not there is told."""
        self.update_tags_properties(remove_tags=tags)
        print("Model tag remove operation complete.")

    def add_properties(self, properties: Mapping[str, str]) -> None:
        """Add properties; a key that is set already is refused: properties never change."""
        self.update_tags_properties(add_properties=properties)
        print("Model property add operation complete.")

    def update_tags_properties(
        self,
        add_tags: Mapping[str, str] | None = None,
        remove_tags: str | Iterable[str] | None = None,
        add_properties: Mapping[str, str] | None = None,
    ) -> None:
        """Several of these at once."""
        tags = self.tags
        for key, value in core.as_labels(add_tags).items():
            if key in tags:
                print(f"Replacing tag {key} -> {tags[key]} with {key} -> {value}")
            tags[key] = value
        for key in [remove_tags] if isinstance(remove_tags, str) else remove_tags or ():
            if tags.pop(key, None) is None:
                print(f"Tag with key {key} not found.")
        changes: dict[str, Any] = {} if add_tags is None and remove_tags is None else {"tags": tags}
        if add_properties:
            changes["add_properties"] = core.as_labels(add_properties)
        self._change(**changes)

    def update(
        self,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: ResourceConfiguration | None = None,
    ) -> None:
        """Replace what is named; ``tags`` replace all tags."""
        more = {
            "sample_input": sample_of(sample_input_dataset),
            "sample_output": sample_of(sample_output_dataset),
            "resource_configuration": resource_configuration,
        }
        self._change(
            tags=None if tags is None else core.as_labels(tags),
            description=description,
            details={name: value for name, value in more.items() if value is not None},
        )

    def add_dataset_references(self, datasets: Sequence[tuple[str, Any]]) -> None:
        """Say which datasets it was made of, by scenario."""
        added = tuple((scenario, dataset_id(dataset)) for scenario, dataset in datasets)
        self._change(details={"datasets": (*self._record.details.datasets, *added)})

    def download(
        self, target_dir: str | Path = ".", exist_ok: bool = False, exists_ok: bool | None = None
    ) -> str:
        """Copy the files into ``target_dir``; refuses to overwrite unless ``exist_ok``. Returns the path."""
        allowed = exist_ok if exists_ok is None else exists_ok
        return str(self._engine.models.download(self.id, Path(target_dir).expanduser(), exist_ok=allowed))

    def delete(self) -> None:
        """Forget this version; refused, with their names, while services use it."""
        self._engine.models.delete(self.id)

    @staticmethod
    def deploy(
        workspace: Workspace,
        name: str,
        models: Iterable[str | Model],
        inference_config: InferenceConfig | CoreInferenceConfig | None = None,
        deployment_config: WebserviceDeploymentConfiguration | DeploymentConfig | None = None,
        deployment_target: Any = None,
        overwrite: bool = False,
        show_output: bool = False,
    ) -> Webservice:
        """Deploy a service; without ``inference_config`` the one model is served as it is.

        Returns at once, see `Webservice.wait_for_deployment`. Without a configuration and a target it runs
        on this machine (the first SDK's choice is a container instance). A local service of that name that
        is there is replaced, as in the first SDK.
        """
        from mlmagic.sdk.deploying import deploy

        return deploy(
            workspace,
            name,
            models,
            inference_config,
            deployment_config,
            deployment_target,
            overwrite=overwrite,
            show_output=show_output,
        )

    @staticmethod
    def profile(
        workspace: Workspace,
        profile_name: str,
        models: Iterable[str | Model],
        inference_config: InferenceConfig | CoreInferenceConfig | None,
        input_dataset: Any,
        cpu: float | Sequence[float] | None = None,
        memory_in_gb: float | Sequence[float] | None = None,
        description: str | None = None,
        *,
        goal: Goal = NO_GOAL,
        prices: Prices | None = None,
        seconds: float = 2.0,
        target: str = DEFAULT_TARGET,
    ) -> ModelProfile:
        """Measure a service of these models under load, each row of the dataset being a request's body.

        ``cpu`` (0.1 to 3.5 cores) and ``memory_in_gb`` (0.1 to 15) may be lists: each size is tried. Returns
        at once, see `ModelProfile.wait_for_completion`. ``goal``, ``prices`` and ``seconds`` (of each load)
        are ours. Source: Model.profile of azureml-core 1.61.
        """
        from mlmagic.sdk.profile import begin

        return begin(
            workspace,
            profile_name,
            models,
            inference_config,
            input_dataset,
            cpu,
            memory_in_gb,
            description,
            goal=goal,
            prices=prices,
            seconds=seconds,
            target=target,
        )

    @staticmethod
    def package(
        workspace: Workspace,
        models: Iterable[str | Model],
        inference_config: InferenceConfig | CoreInferenceConfig | None = None,
        generate_dockerfile: bool = False,
        image_name: str | None = None,
        image_label: str | None = None,
        *,
        kind: str | None = None,
    ) -> ModelPackage:
        """Make a package of models and their script: an image in the Docker engine, or, with
        ``generate_dockerfile``, a folder to be built anywhere.

        ``kind`` is ours: image, folder, zip, iot-edge or kubernetes. Returns at once, see
        `ModelPackage.wait_for_creation`. Source: Model.package of azureml-core 1.61.
        """
        from mlmagic.sdk.package import begin

        wanted = kind or ("folder" if generate_dockerfile else "image")
        return begin(workspace, models, inference_config, wanted, image_name, image_label)

    @staticmethod
    def print_configuration(
        models: Iterable[str | Model],
        inference_config: InferenceConfig | None,
        deployment_config: WebserviceDeploymentConfiguration | None,
        deployment_target: Any = None,
    ) -> None:
        """Print what would be deployed."""
        print(f"models: {', '.join(model.id if isinstance(model, Model) else model for model in models)}")
        print(f"inference_config: {inference_config}")
        print(f"deployment_config: {deployment_config}")
        if deployment_target is not None:
            print(f"deployment_target: {deployment_target}")

    def get_sas_urls(self) -> dict[str, str]:
        """Where each file lies, as a URL."""
        return {file.path: self._engine.memory.files.url(file.digest) for file in self._record.files}

    def serialize(self) -> dict[str, Any]:
        """The model as a dict of JSON, with the first SDK's keys."""
        details = self._record.details
        resources = details.resource_configuration
        return {
            "createdTime": self.created_time.isoformat(),
            "createdBy": self.created_by,
            "description": self.description,
            "id": self.id,
            "mimeType": self.mime_type,
            "name": self.name,
            "framework": self.model_framework,
            "frameworkVersion": self.model_framework_version,
            "tags": self.tags,
            "properties": self.properties,
            "unpack": self.unpack,
            "url": self.url,
            "version": self.version,
            "experimentName": self.experiment_name,
            "runId": self.run_id,
            "runDetails": None,
            "datasets": self.datasets,
            "resourceConfiguration": resources
            and {"cpu": resources.cpu, "memoryInGB": resources.memory_in_gb, "gpu": resources.gpu},
            "sampleInputDatasetId": None,
            "sampleOutputDatasetId": None,
        }

    @staticmethod
    def deserialize(workspace: Workspace, model_payload: Mapping[str, Any]) -> Model:
        """The model that `serialize` told of, as it is now."""
        return Model(workspace, id=str(model_payload.get("id", "")))

    def _change(self, **changes: Any) -> None:
        self._record = self._engine.models.change(self.id, **changes)

    def __repr__(self) -> str:
        return (
            f"Model(name={self.name!r}, id={self.id!r}, version={self.version}, "
            f"tags={self.tags}, properties={self.properties})"
        )


def _find(engine: Engine, reference: ModelReference, wanted: core.ModelFilter) -> core.Model:
    try:
        if reference.version is not None:
            return engine.models.get(reference)
        found = engine.models.list(wanted)
        if not found:
            raise NotFound("model", reference.name, {each.name for each in engine.models.list()})
        return found[0]
    except NotFound as error:
        asked = (
            reference.name if reference.version is None else f"{reference.name}, version {reference.version}"
        )
        raise told_with(
            WebserviceException,
            error,
            f"ModelNotFound: Model with name {asked} not found in provided workspace",
        ) from None
