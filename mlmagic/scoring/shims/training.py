"""Names of Azure ML v1 that mlmagic does not implement, mostly of its training services.

They can be imported, so that notebooks and scripts that import them start. Using one raises an error with the
reason and an alternative (`mlmagic.scoring.shims.unavailable`).
"""

from __future__ import annotations

from typing import NamedTuple

from mlmagic.scoring.shims.azureml_names import NAMES

_TRAINS = "mlmagic deploys models and does not train them"
_THEN = "then register the model: Model.register(ws, model_path, model_name)."
_NOTEBOOK = f"Train in the notebook or with ScriptRunConfig, {_THEN}"
_SWEEP = (
    "Train in a loop with a child run for each choice of values (run.child_run()), "
    "then call run.get_best_child(metric)."
)
_AUTOML = f"Search for a model in the notebook, for example with scikit-learn, {_THEN}"
_STEP = "Use PythonScriptStep or ParallelRunStep."
_EXPLAINS = "mlmagic deploys models and does not train or explain them"
_EXPLAIN = "Use the package shap or interpret in the notebook or the entry script."
_FAIRNESS = "Use the package fairlearn in the notebook."
_OPEN_DATA = "Download the data, then call Dataset.File.from_files or Dataset.Tabular.from_delimited_files."
_DRIFT = "Collect requests with collect_model_data=True and compare them in the notebook."
_READ_SQL = "Read it with pandas.read_sql, then call Dataset.Tabular.register_pandas_dataframe."
_MOVES = "mlmagic deploys models and runs no Data Factory or Databricks"
_PYTHON = "mlmagic serves Python"
_R = "List the packages with CondaDependencies."


class Row(NamedTuple):
    """Names of a module that are not available, the reason, and what to do ``instead``.

    Without ``names``, the row is for all names of the module and its submodules.
    """

    module: str
    names: str
    reason: str
    instead: str


_POLICIES = (
    "BanditPolicy MedianStoppingPolicy TruncationSelectionPolicy NoTerminationPolicy EarlyTerminationPolicy"
)
_SAMPLINGS = "RandomParameterSampling GridParameterSampling BayesianParameterSampling HyperParameterSampling"
_DISTRIBUTED = "Nccl Gloo Mpi ParameterServer"
_CONFIGURATIONS = (
    "MpiConfiguration TensorflowConfiguration PyTorchConfiguration ParallelTaskConfiguration "
    "SparkConfiguration"
)
_EXPRESSIONS = "choice uniform loguniform quniform qloguniform normal lognormal qnormal qlognormal randint"
_HYPERDRIVE = (
    "HyperDriveConfig HyperDriveRun HyperDriveRunConfig PrimaryMetricGoal "
    f"{_POLICIES} {_SAMPLINGS} {_EXPRESSIONS}"
)

ROWS = (
    Row("azureml.train.estimator", "Estimator Mpi MMLBaseEstimator", _TRAINS, _NOTEBOOK),
    Row("azureml.train.dnn", f"PyTorch TensorFlow Keras Chainer {_DISTRIBUTED}", _TRAINS, _NOTEBOOK),
    Row("azureml.train.sklearn", "SKLearn", _TRAINS, _NOTEBOOK),
    *(
        Row(f"azureml.train.hyperdrive{module}", _HYPERDRIVE, _TRAINS, _SWEEP)
        for module in ("", ".parameter_expressions", ".policy", ".run", ".runconfig", ".sampling")
    ),
    Row("azureml.train.automl", "AutoMLConfig AutoMLStep AutoMLStepRun", _TRAINS, _AUTOML),
    Row("azureml.train.automl.automlconfig", "AutoMLConfig", _TRAINS, _AUTOML),
    Row("azureml.train.automl.automlexplainer", "", _EXPLAINS, _EXPLAIN),
    Row("azureml.train.automl.constants", "", _TRAINS, _AUTOML),
    Row("azureml.train.automl.runtime", "", _TRAINS, _AUTOML),
    Row("azureml.train.automl.utilities", "", _TRAINS, _AUTOML),
    Row("azureml.automl", "", _TRAINS, _AUTOML),
    Row(
        "azureml.pipeline.steps",
        "EstimatorStep HyperDriveStep HyperDriveStepRun AutoMLStep AutoMLStepRun MpiStep",
        _TRAINS,
        _STEP,
    ),
    Row(
        "azureml.pipeline.steps",
        "DatabricksStep DataTransferStep AdlaStep AzureBatchStep CommandStep KustoStep ModuleStep "
        "RScriptStep SynapseSparkStep",
        "mlmagic runs Python scripts and batch scoring",
        _STEP,
    ),
    Row("azureml.core.compute", "DataFactoryCompute DatabricksCompute AdlaCompute", _MOVES, _STEP),
    Row("azureml.core.compute", "HDInsightCompute BatchCompute SynapseCompute KustoCompute", _MOVES, _STEP),
    Row("azureml.core.environment", "RCranPackage RSection RGitHubPackage SparkPackage", _PYTHON, _R),
    Row("azureml.core.runconfig", _CONFIGURATIONS, _TRAINS, _NOTEBOOK),
    Row("azureml.data.sql_data_reference", "SqlDataReference", "mlmagic reads files", _READ_SQL),
    Row("azureml.interpret", "", _EXPLAINS, _EXPLAIN),
    Row("azureml.explain", "", _EXPLAINS, _EXPLAIN),
    Row("azureml.contrib.explain", "", _EXPLAINS, _EXPLAIN),
    Row("azureml.contrib.interpret", "", _EXPLAINS, _EXPLAIN),
    Row("azureml.contrib.fairness", "", "mlmagic deploys models and does not assess them", _FAIRNESS),
    Row("azureml.opendatasets", "", "mlmagic has no copies of public data sets", _OPEN_DATA),
    Row("azureml.datadrift", "", "mlmagic deploys models and does not detect data drift", _DRIFT),
    Row("azureml.tensorboard", "", _TRAINS, "Run in a terminal: tensorboard --logdir FOLDER."),
    Row("azureml.contrib.tensorboard", "", _TRAINS, "Run in a terminal: tensorboard --logdir FOLDER."),
    Row("azureml.contrib.automl", "", _TRAINS, _AUTOML),
    Row("azureml.contrib.train", "", _TRAINS, _NOTEBOOK),
)  # fmt: skip


def rows_of(module: str) -> tuple[Row, ...]:
    """Return the rows of a module, else the row without names of the nearest package that contains it."""
    found = tuple(row for row in ROWS if row.module == module)
    package = module
    while not found and package and package not in NAMES:
        package = package.rpartition(".")[0]
        found = tuple(row for row in ROWS if row.module == package and not row.names)
    return found
