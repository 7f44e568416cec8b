"""Files of a run, to be registered as a model: of an `Experiment` here, or of MLflow.

runs:/RUN_ID/PATH          artefacts of an MLflow run
models:/NAME/VERSION       a version in MLflow's own registry (or a stage, or @alias)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlmagic.errors import InvalidConfig, NotFound, UsageError

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine

SCHEMES = ("runs:/", "models:/")


def files_of(engine: Engine, run_id: str, path: str, experiment: str | None) -> Path:
    """What a run has at ``path``: of ``experiment`` here, else of MLflow. Raises `NotFound`."""
    if experiment is None:
        return fetched(f"runs:/{run_id}/{path}")
    from mlmagic.sdk.run import Experiment, Run
    from mlmagic.sdk.workspace import Workspace

    run = Run(Experiment(Workspace.over(engine), experiment), run_id)
    place = run.folder / path
    if not place.exists():
        raise NotFound("path of the run", path, run.get_file_names())
    return place


def name_in(uri: str) -> str:
    """The name that an MLflow URI suggests: the registered model's, or the artefact's."""
    parts = [part for part in uri.partition(":/")[2].split("/") if part]
    if not uri.startswith(SCHEMES) or len(parts) < 2:
        raise InvalidConfig("MLflow URI", uri, "must be runs:/RUN_ID/PATH or models:/NAME/VERSION")
    return parts[0].partition("@")[0] if uri.startswith("models:") else parts[-1]


def fetched(uri: str) -> Path:
    """Where the artefacts of an MLflow URI lie, fetched if they are elsewhere. Raises `NotFound`."""
    try:
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise UsageError(
            f"{uri} is of MLflow, which is not installed here", hint="pip install mlmagic[mlflow]"
        ) from None
    try:
        return Path(download_artifacts(artifact_uri=uri))
    except (MlflowException, OSError) as error:
        raise NotFound("MLflow artefact", uri, hint=str(error).splitlines()[0]) from None
