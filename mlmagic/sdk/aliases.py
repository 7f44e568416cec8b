"""Azure ML v1's import names: ``from azureml.core import Workspace`` imports `mlmagic.sdk`.

Which names there are says `mlmagic.scoring.shims.azureml_names`; this module says where each is defined.
Installed packages of these names take precedence: the finder is the last one on `sys.meta_path`.
"""

from __future__ import annotations

import sys

from mlmagic.scoring.shims.azureml_names import NAMES
from mlmagic.scoring.shims.finder import PACKAGES, ShimFinder
from mlmagic.scoring.shims.stand_ins import MODULES as SCRIPT_MODULES
from mlmagic.scoring.shims.stand_ins import StandIns, is_stand_in
from mlmagic.sdk.exceptions import UserErrorException

_HOME = "mlmagic.sdk"
_SCRIPTS = "mlmagic.scoring.shims"
_DEFINED = {
    "aci_webservice": "AciWebservice",
    "aks_endpoint": "AksEndpoint",
    "aks_webservice": "AksWebservice",
    "authentication": (
        "InteractiveLoginAuthentication ServicePrincipalAuthentication MsiAuthentication "
        "AzureCliAuthentication"
    ),
    "automl_run": "AutoMLRun",
    "compute": "ComputeTarget AksCompute AmlCompute ComputeInstance",
    "compute_configuration": "AksUpdateConfiguration SslConfiguration",
    "conda": "CondaDependencies",
    "data_reference": "DataReference DataPath DataPathComputeBinding",
    "dataset": "Dataset TabularDataset FileDataset TabularDatasetFactory FileDatasetFactory",
    "dataset_consumption": "DatasetConsumptionConfig",
    "dataset_type_definitions": "PromoteHeadersBehavior",
    "datastore": "Datastore",
    "deployment": (
        "AciServiceDeploymentConfiguration AksServiceDeploymentConfiguration "
        "AksEndpointDeploymentConfiguration"
    ),
    "environment": "Environment DEFAULT_CPU_IMAGE DEFAULT_GPU_IMAGE",
    "environment_sections": "PythonSection DockerSection DockerBuildContext ContainerRegistry",
    "exceptions": NAMES["azureml.exceptions"],
    "image": "Image ContainerImage",
    "inference": "InferenceConfig",
    "local_webservice": "LocalWebservice",
    "model": "Model",
    "package": "ModelPackage",
    "parallel_run": "ParallelRunConfig ParallelRunStep",
    "pipeline": "Pipeline",
    "pipeline_endpoint": "PipelineEndpoint",
    "pipeline_run": "PipelineRun StepRun",
    "published_pipeline": "PublishedPipeline",
    "schedule": "Schedule",
    "schedule_recurrence": "ScheduleRecurrence",
    "pipeline_data": "PipelineData PipelineParameter OutputFileDatasetConfig",
    "profile": "ModelProfile",
    "python_script_step": "PythonScriptStep",
    "resources": "ResourceConfiguration",
    "run_configuration": "RunConfiguration DockerConfiguration",
    "run_data": "Data DataLocation",
    "script_run": "ScriptRun",
    "script_run_config": "ScriptRunConfig get_run_config_from_script_run",
    "run": "Experiment Run",
    "webservice": "Webservice",
    "workspace": "Workspace",
    "mlmagic.core.time_zones": "TimeZone",
    "mlmagic.widgets.run_details": "RunDetails",
    f"{_SCRIPTS}.offline_run": "_OfflineRun",
    f"{_SCRIPTS}.telemetry": (
        "INSTRUMENTATION_KEY set_diagnostics_collection enable_telemetry set_verbosity log_traceback"
    ),
    f"{_SCRIPTS}.version": "VERSION __version__",
}
"""The names that each module defines; modules without a dot are those of `mlmagic.sdk`."""

_OTHERWISE = {("azureml.core.runconfig", "Dataset"): "run_data"}
"""The module of a name that has another meaning in a certain module of Azure ML v1."""


def _modules() -> dict[str, str]:
    """The names of each stand-in module, as ``module: names; module: names``."""
    homes = {name: home for home, names in _DEFINED.items() for name in names.split()}
    of_scripts = {
        module: "; ".join(f"{_SCRIPTS}.{part}" for part in offers.split("; "))
        for module, offers in SCRIPT_MODULES.items()
    }
    of_sdk = {
        module: "; ".join(f"{_OTHERWISE.get((module, name), homes[name])}: {name}" for name in names.split())
        for module, names in NAMES.items()
    }
    return of_scripts | of_sdk


MODULES = _modules()
"""What each stand-in module offers, as ``module: names; module: names``."""


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
    sys.meta_path.insert(at, SdkFinder())


class SdkFinder(ShimFinder):
    """Finds the modules of the table above."""

    def stand_ins(self) -> StandIns:
        """The stand-ins of the SDK."""
        return StandIns(MODULES, _HOME, UserErrorException)


def _forget_stand_ins() -> None:
    """Forget stand-ins for entry scripts that were imported before: they have fewer names."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in PACKAGES and is_stand_in(module):
            del sys.modules[name]
