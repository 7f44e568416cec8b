"""`Model`: one registered version of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmagic.core import model as core
from mlmagic.core.configuration import DEFAULT_TARGET, DeploymentConfig, ResourceConfiguration
from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.core.names import ModelReference
from mlmagic.core.profile import Goal, Prices
from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.scoring.shims import exceptions as script_exceptions
from mlmagic.scoring.shims import models as script_models
from mlmagic.sdk import model_deployment
from mlmagic.sdk import package as packages
from mlmagic.sdk import profile as profiles
from mlmagic.sdk.deployment import WebserviceDeploymentConfiguration
from mlmagic.sdk.exceptions import ModelNotFoundException, WebserviceException, raised_with, raises
from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.labels import label_filter
from mlmagic.sdk.mlflow_artifacts import SCHEMES, fetched
from mlmagic.sdk.model_attributes import ModelAttributes
from mlmagic.sdk.model_references import ModelLike
from mlmagic.sdk.model_registration import dataset_id, register_model, sample_of
from mlmagic.sdk.webservice import Webservice
from mlmagic.sdk.workspace_base import WorkspaceBase

PAGE_SIZES = range(20, 256)
NO_GOAL = Goal()
Models = list["Model"]
"""A name for it, because `Model.list` hides the built-in one in its class."""


@raises(WebserviceException)
class Model(ModelAttributes):
    """One version of a model. Tags and description may change; files and properties do not.

    ``Model(workspace, name)`` finds the newest version that matches all arguments; ``id`` is
    ``name:version``. All methods raise `WebserviceException`. Where there is no such model, the message
    begins with ``ModelNotFound``, as in Azure ML v1.
    """

    class Framework:
        """The names of frameworks. Models of most can be deployed without a script."""

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

    def __init__(
        self,
        workspace: WorkspaceBase,
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
            raise UsageError(
                "Model needs a name or an id, and neither is given", hint="For example Model(ws, 'diabetes')."
            )
        reference = ModelReference.parse(id) if id else ModelReference(str(name), version and int(version))
        wanted = core.ModelFilter(
            reference.name,
            label_filter(tags),
            label_filter(properties),
            model_framework,
            latest=True,
            run_id=run_id,
        )
        self.workspace = workspace
        self._record = _find(workspace, reference, wanted)

    @classmethod
    def of(cls, workspace: WorkspaceBase, record: core.Model) -> Model:
        """The object for a model's record."""
        made = object.__new__(cls)
        made.workspace, made._record = workspace, record
        return made

    @staticmethod
    def register(
        workspace: WorkspaceBase,
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
        *,
        compile: bool = False,
    ) -> Model:
        """Register a file or folder as the next version of ``model_name``.

        ``compile`` is mlmagic's own: a scikit-learn, XGBoost or LightGBM estimator in a pickle is compiled to
        ONNX, and served so if that is proven equal. `compilation` has the result.
        ``model_path`` may be MLflow's: ``runs:/RUN_ID/PATH`` or ``models:/NAME/VERSION``.
        """
        given = locals()
        print(f"Registering model {model_name}")
        path = str(given.pop("model_path"))
        found: Model = register_model(path=str(fetched(path)) if path.startswith(SCHEMES) else path, **given)
        return found

    @staticmethod
    def list(
        workspace: WorkspaceBase,
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
        """List the models that match all arguments given. A tag is ``'key'`` or ``['key', 'value']``."""
        if page_count not in PAGE_SIZES:
            raise InvalidConfig("page_count", page_count, "must be between 20 and 255")
        wanted = core.ModelFilter(
            name, label_filter(tags), label_filter(properties), model_framework, latest, run_id
        )
        return [
            Model.of(workspace, each)
            for each in workspace.engine.models.list(wanted)
            if dataset_id is None or dataset_id in {dataset for _, dataset in each.details.datasets}
        ]

    @staticmethod
    def get_model_path(
        model_name: str, version: int | None = None, _workspace: WorkspaceBase | None = None
    ) -> str:
        """The path of a model's file or folder: that of an entry script, else a download from the workspace.

        Raises `ModelNotFoundException`.
        """
        try:
            return script_models.Model.get_model_path(model_name, version)
        except script_exceptions.ModelNotFoundException as error:
            if _workspace is None:
                raise ModelNotFoundException(str(error)) from None
        model = Model(_workspace, model_name, version=version)
        return model.download(Path("azureml-models") / model.name / str(model.version), exist_ok=True)

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags; they replace tags of the same key."""
        self.update_tags_properties(add_tags=tags)
        print("Model tag add operation complete.")

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Remove tags by key; prints a line for a key that is not set."""
        self.update_tags_properties(remove_tags=tags)
        print("Model tag remove operation complete.")

    def add_properties(self, properties: Mapping[str, str]) -> None:
        """Add properties. Raises for a key that is set: properties never change."""
        self.update_tags_properties(add_properties=properties)
        print("Model property add operation complete.")

    def update_tags_properties(
        self,
        add_tags: Mapping[str, str] | None = None,
        remove_tags: str | Iterable[str] | None = None,
        add_properties: Mapping[str, str] | None = None,
    ) -> None:
        """Add and remove tags and add properties in one change."""
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
        """Replace the values given; ``tags`` replace all tags."""
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
        """Record the datasets the model was made of, as pairs of scenario and dataset."""
        added = tuple((scenario, dataset_id(dataset)) for scenario, dataset in datasets)
        self._change(details={"datasets": (*self._record.details.datasets, *added)})

    def download(
        self, target_dir: str | Path = ".", exist_ok: bool = False, exists_ok: bool | None = None
    ) -> str:
        """Copy the files into ``target_dir``; returns their path. No file is replaced unless ``exist_ok``."""
        allowed = exist_ok if exists_ok is None else exists_ok
        return str(self._engine.models.download(self.id, Path(target_dir).expanduser(), exist_ok=allowed))

    def delete(self) -> None:
        """Delete this version. Raises with the services' names while services use it."""
        self._engine.models.delete(self.id)

    @staticmethod
    def deploy(
        workspace: WorkspaceBase,
        name: str,
        models: Iterable[ModelLike],
        inference_config: InferenceConfig | CoreInferenceConfig | None = None,
        deployment_config: WebserviceDeploymentConfiguration | DeploymentConfig | None = None,
        deployment_target: Any = None,
        overwrite: bool = False,
        show_output: bool = False,
    ) -> Webservice:
        """Deploy a service. Without ``inference_config`` one model is served without a script.

        Returns at once, see `Webservice.wait_for_deployment`. Without a configuration and a target the
        service runs on this machine (in Azure ML v1: in a container instance). An existing local service of
        that name is replaced, as in Azure ML v1.
        """
        return model_deployment.deploy(**locals())

    @staticmethod
    def profile(
        workspace: WorkspaceBase,
        profile_name: str,
        models: Iterable[ModelLike],
        inference_config: InferenceConfig | CoreInferenceConfig | None,
        input_dataset: Any,
        cpu: float | Sequence[float] | None = None,
        memory_in_gb: float | Sequence[float] | None = None,
        description: str | None = None,
        *,
        goal: Goal = NO_GOAL,
        prices: Prices | None = None,
        seconds: float | None = None,
        target: str = DEFAULT_TARGET,
    ) -> profiles.ModelProfile:
        """Measure a service of these models under load; each row of the dataset is the body of a request.

        ``cpu`` (0.1 to 3.5 cores) and ``memory_in_gb`` (0.1 to 15) may be lists: every combination is
        measured. ``goal``, ``prices``, ``seconds`` (of each load; by default 1
        to 2, as short as the intervals allow) and ``target`` are mlmagic's own. Prints how long it takes, and
        returns at once, see `ModelProfile.wait_for_completion`. Source: Model.profile of azureml-core 1.61.
        """
        return profiles.begin(**locals())

    @staticmethod
    def package(
        workspace: WorkspaceBase,
        models: Iterable[ModelLike],
        inference_config: InferenceConfig | CoreInferenceConfig | None = None,
        generate_dockerfile: bool = False,
        image_name: str | None = None,
        image_label: str | None = None,
        *,
        kind: str | None = None,
        nearest: bool = True,
        test: bool = False,
        compile: bool | None = None,
    ) -> packages.ModelPackage:
        """Package models and their script as an image, or as a folder with ``generate_dockerfile``.

        ``kind`` is mlmagic's own: image, folder, zip, iot-edge, kubernetes, kserve, knative or azureml-v2.
        ``nearest=False`` refuses an environment whose Python or pins cannot be installed, instead of using
        the nearest versions. ``test`` starts the package once, in a clean environment, before it is
        written. ``compile`` compiles the models to ONNX, or refuses those that were registered so. Returns
        at once, see `ModelPackage.wait_for_creation`. Source: Model.package of azureml-core 1.61.
        """
        wanted = kind or ("folder" if generate_dockerfile else "image")
        return packages.begin(
            *(workspace, models, inference_config, wanted, image_name, image_label),
            nearest=nearest,
            test=test,
            compile=compile,
        )

    @staticmethod
    def print_configuration(
        models: Iterable[ModelLike],
        inference_config: InferenceConfig | None,
        deployment_config: WebserviceDeploymentConfiguration | None,
        deployment_target: Any = None,
    ) -> None:
        """Print what `deploy` with these arguments would deploy."""
        print(f"models: {', '.join(model if isinstance(model, str) else model.id for model in models)}")
        print(f"inference_config: {inference_config}")
        print(f"deployment_config: {deployment_config}")
        if deployment_target is not None:
            print(f"deployment_target: {deployment_target}")

    @staticmethod
    def deserialize(workspace: WorkspaceBase, model_payload: Mapping[str, Any]) -> Model:
        """The model of a dict that `serialize` returned, as it is now."""
        return Model(workspace, id=str(model_payload.get("id", "")))

    def _change(self, **changes: Any) -> None:
        self._record = self._engine.models.change(self.id, **changes)


def _find(workspace: WorkspaceBase, reference: ModelReference, wanted: core.ModelFilter) -> core.Model:
    engine = workspace.engine
    try:
        if reference.version is not None:
            return engine.models.get(reference)
        found = engine.models.list(wanted)
        if not found:
            raise NotFound("model", reference.name, {each.name for each in engine.models.list()})
        return found[0]
    except NotFound as error:
        missing = (
            reference.name if reference.version is None else f"{reference.name}, version {reference.version}"
        )
        raise raised_with(
            WebserviceException,
            error,
            f"ModelNotFound: Model with name {missing} not found in provided workspace",
        ) from None
