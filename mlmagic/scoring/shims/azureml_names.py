"""The public names of Azure ML v1's packages that mlmagic has, by module.

In a notebook they are the classes of `mlmagic.sdk`. A service has no workspace, so only the names that an
entry script can use work there (`mlmagic.scoring.shims.stand_ins`).
"""

from __future__ import annotations

_WEBSERVICES = "Webservice LocalWebservice AciWebservice AksWebservice AksEndpoint"
_EXCEPTIONS = (
    "AzureMLException WebserviceException ModelNotFoundException ModelPathNotFoundException "
    "ComputeTargetException WorkspaceException RunEnvironmentException TrainingException "
    "ExperimentExecutionException ProjectSystemException SnapshotException RunConfigurationException "
    "DiscoveryUrlNotFoundException ActivityFailedException ActivityCanceledException ParallelRunException "
    "AuthenticationException UserErrorException"
)
_IMAGES = "DEFAULT_CPU_IMAGE DEFAULT_GPU_IMAGE"
_SECTIONS = "PythonSection DockerSection DockerBuildContext ContainerRegistry"
_ENVIRONMENT = f"Environment {_IMAGES} {_SECTIONS} CondaDependencies"

NAMES = {
    "azureml": "",
    "azureml.core": (
        f"Workspace Model Environment {_WEBSERVICES} Dataset Datastore ComputeTarget Experiment Run "
        "RunConfiguration ScriptRunConfig ScriptRun ContainerRegistry Image VERSION __version__"
    ),
    "azureml.core.workspace": "Workspace",
    "azureml.core.model": "Model InferenceConfig ModelPackage",
    "azureml.core.profile": "ModelProfile",
    "azureml.core.webservice": _WEBSERVICES,
    "azureml.core.webservice.package": "ModelPackage",
    "azureml.core.webservice.webservice": "Webservice",
    "azureml.core.webservice.local": "LocalWebservice",
    "azureml.core.webservice.aci": "AciWebservice AciServiceDeploymentConfiguration",
    "azureml.core.webservice.aks": (
        "AksWebservice AksEndpoint AksServiceDeploymentConfiguration AksEndpointDeploymentConfiguration"
    ),
    "azureml.core.image": "Image ContainerImage",
    "azureml.core.image.image": "Image",
    "azureml.core.image.container": "ContainerImage",
    "azureml.core.runconfig": (
        f"RunConfiguration DockerConfiguration Data DataLocation Dataset {_ENVIRONMENT}"
    ),
    "azureml.core.script_run": "ScriptRun",
    "azureml.core.script_run_config": "ScriptRunConfig get_run_config_from_script_run",
    "azureml.core.environment": _ENVIRONMENT,
    "azureml.core.conda_dependencies": "CondaDependencies",
    "azureml.core.container_registry": "ContainerRegistry",
    "azureml.core.compute": "ComputeTarget AksCompute AmlCompute ComputeInstance",
    "azureml.core.compute.computeinstance": "ComputeInstance",
    "azureml.core.compute.aks": "AksCompute AksUpdateConfiguration SslConfiguration",
    "azureml.core.compute.amlcompute": "AmlCompute",
    "azureml.core.compute.compute": "ComputeTarget",
    "azureml.core.compute_target": "ComputeTargetException",
    "azureml.core.dataset": "Dataset",
    "azureml.core.datastore": "Datastore",
    "azureml.core.resource_configuration": "ResourceConfiguration",
    "azureml.core.experiment": "Experiment",
    "azureml.core.run": "Run _OfflineRun",
    "azureml.core.authentication": (
        "InteractiveLoginAuthentication ServicePrincipalAuthentication MsiAuthentication "
        "AzureCliAuthentication"
    ),
    "azureml.data": "TabularDataset FileDataset OutputFileDatasetConfig",
    "azureml.data.data_reference": "DataReference",
    "azureml.data.datapath": "DataPath DataPathComputeBinding",
    "azureml.data.dataset_consumption_config": "DatasetConsumptionConfig",
    "azureml.data.dataset_factory": "TabularDatasetFactory FileDatasetFactory",
    "azureml.data.dataset_type_definitions": "PromoteHeadersBehavior",
    "azureml.data.tabular_dataset": "TabularDataset",
    "azureml.data.file_dataset": "FileDataset",
    "azureml.data.output_dataset_config": "OutputFileDatasetConfig",
    "azureml.pipeline.core": (
        "Pipeline PipelineData PipelineParameter PipelineRun StepRun PublishedPipeline "
        "PipelineEndpoint Schedule ScheduleRecurrence TimeZone"
    ),
    "azureml.pipeline.core.graph": "PipelineParameter PublishedPipeline",
    "azureml.pipeline.core.pipeline": "Pipeline",
    "azureml.pipeline.core.pipeline_endpoint": "PipelineEndpoint",
    "azureml.pipeline.core.schedule": "Schedule ScheduleRecurrence TimeZone",
    "azureml.pipeline.core.run": "PipelineRun StepRun",
    "azureml.pipeline.steps.python_script_step": "PythonScriptStep",
    "azureml.pipeline.steps": "PythonScriptStep ParallelRunConfig ParallelRunStep",
    "azureml.pipeline.steps.parallel_run_config": "ParallelRunConfig",
    "azureml.pipeline.steps.parallel_run_step": "ParallelRunStep",
    "azureml.train.automl": "AutoMLRun",
    "azureml.train.automl.run": "AutoMLRun",
    "azureml.automl.core.shared.log_server": "enable_telemetry set_verbosity",
    "azureml.automl.core.shared.logging_utilities": "log_traceback",
    "azureml.telemetry": "INSTRUMENTATION_KEY set_diagnostics_collection",
    "azureml.widgets": "RunDetails",
    "azureml.exceptions": _EXCEPTIONS,
}
"""Names by module, separated by spaces."""
