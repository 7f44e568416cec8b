"""Azure ML v1's import names: ``from azureml.core import Workspace`` imports `mlmagic.sdk`.

Installed packages of these names take precedence: the finder is the last one on `sys.meta_path`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from mlmagic.scoring.shims.finder import MODULES as SCRIPT_MODULES
from mlmagic.scoring.shims.finder import PACKAGES as SCRIPT_PACKAGES
from mlmagic.scoring.shims.finder import ShimFinder, is_stand_in

_HOME = "mlmagic.sdk"
_SCRIPTS = "mlmagic.scoring.shims"
_WEBSERVICES = (
    "webservice: Webservice; local_webservice: LocalWebservice; aci_webservice: AciWebservice; "
    + ("aks_webservice: AksWebservice; aks_endpoint: AksEndpoint")
)
_EXCEPTIONS = (
    "AzureMLException WebserviceException ModelNotFoundException ModelPathNotFoundException "
    "ComputeTargetException WorkspaceException RunEnvironmentException TrainingException "
    "ExperimentExecutionException ProjectSystemException SnapshotException RunConfigurationException "
    "DiscoveryUrlNotFoundException ActivityFailedException ActivityCanceledException ParallelRunException "
    "AuthenticationException UserErrorException"
)
_ENVIRONMENT = (
    "environment: Environment DEFAULT_CPU_IMAGE DEFAULT_GPU_IMAGE; "
    "environment_sections: PythonSection DockerSection DockerBuildContext ContainerRegistry; "
    "conda: CondaDependencies"
)
_MODEL = "model: Model; inference: InferenceConfig; package: ModelPackage"


def _of_scripts(table: Mapping[str, str]) -> dict[str, str]:
    """The table of the names that entry scripts import."""
    return {
        name: "; ".join(f"{_SCRIPTS}.{part}" for part in filter(None, offers.split("; ")))
        for name, offers in table.items()
    }


PACKAGES = {
    **_of_scripts(SCRIPT_PACKAGES),
    "azureml.core": (
        f"workspace: Workspace; model: Model; environment: Environment; {_WEBSERVICES}; dataset: Dataset; "
        "datastore: Datastore; compute: ComputeTarget; run: Experiment Run; "
        "compatible_version: VERSION __version__"
    ),
    "azureml.core.webservice": _WEBSERVICES,
    "azureml.core.compute": "compute: ComputeTarget AksCompute AmlCompute",
    "azureml.train": "",
    "azureml.train.automl": "automl_run: AutoMLRun",
    "azureml.data": "dataset: TabularDataset FileDataset; pipeline: OutputFileDatasetConfig",
    "azureml.pipeline": "",
    "azureml.pipeline.core": "pipeline: Pipeline PipelineData PipelineParameter PipelineRun StepRun",
    "azureml.pipeline.steps": "parallel_run: ParallelRunConfig ParallelRunStep",
}
"""The names of each stand-in package, as ``module: names``."""

MODULES = {
    **_of_scripts(SCRIPT_MODULES),
    "azureml.core.workspace": "workspace: Workspace",
    "azureml.core.model": _MODEL,
    "azureml.core.profile": "profile: ModelProfile",
    "azureml.core.webservice.package": "package: ModelPackage",
    "azureml.core.webservice.webservice": "webservice: Webservice",
    "azureml.core.webservice.local": "local_webservice: LocalWebservice",
    "azureml.core.webservice.aci": (
        "aci_webservice: AciWebservice; deployment: AciServiceDeploymentConfiguration"
    ),
    "azureml.core.webservice.aks": (
        "aks_webservice: AksWebservice; aks_endpoint: AksEndpoint; "
        "deployment: AksServiceDeploymentConfiguration AksEndpointDeploymentConfiguration"
    ),
    "azureml.core.environment": _ENVIRONMENT,
    "azureml.core.conda_dependencies": "conda: CondaDependencies",
    "azureml.core.container_registry": "environment_sections: ContainerRegistry",
    "azureml.pipeline.core.graph": "pipeline: PipelineParameter",
    "azureml.pipeline.core.pipeline": "pipeline: Pipeline",
    "azureml.pipeline.core.run": "pipeline: PipelineRun StepRun",
    "azureml.pipeline.steps.parallel_run_config": "parallel_run: ParallelRunConfig",
    "azureml.pipeline.steps.parallel_run_step": "parallel_run: ParallelRunStep",
    "azureml.data.output_dataset_config": "pipeline: OutputFileDatasetConfig",
    "azureml.core.compute.aks": "compute: AksCompute",
    "azureml.core.compute.amlcompute": "compute: AmlCompute",
    "azureml.core.compute.compute": "compute: ComputeTarget",
    "azureml.core.compute_target": "exceptions: ComputeTargetException",
    "azureml.core.dataset": "dataset: Dataset",
    "azureml.core.datastore": "datastore: Datastore",
    "azureml.core.resource_configuration": "resources: ResourceConfiguration",
    "azureml.core.experiment": "run: Experiment",
    "azureml.core.run": "run: Run",
    "azureml.core.authentication": (
        "authentication: InteractiveLoginAuthentication ServicePrincipalAuthentication MsiAuthentication "
        "AzureCliAuthentication"
    ),
    "azureml.data.tabular_dataset": "dataset: TabularDataset",
    "azureml.data.file_dataset": "dataset: FileDataset",
    "azureml.train.automl.run": "automl_run: AutoMLRun",
    "azureml.exceptions": f"exceptions: {_EXCEPTIONS}",
}
"""The names of each stand-in module, as ``module: names``."""


def install() -> None:
    """Let ``import azureml...`` find these names where no package is installed. May be called again."""
    if any(isinstance(finder, SdkFinder) for finder in sys.meta_path):
        return
    _forget_stand_ins()
    # Before the stand-ins for scripts, which offer less under the same names.
    at = next(
        (index for index, finder in enumerate(sys.meta_path) if isinstance(finder, ShimFinder)),
        len(sys.meta_path),
    )
    sys.meta_path.insert(at, SdkFinder(PACKAGES, MODULES, _HOME))


class SdkFinder(ShimFinder):
    """Finds the modules of the tables above."""


def _forget_stand_ins() -> None:
    """Forget stand-ins for entry scripts that were imported before: they have fewer names."""
    for name in [*PACKAGES, *MODULES]:
        if name in sys.modules and is_stand_in(sys.modules[name]):
            del sys.modules[name]
