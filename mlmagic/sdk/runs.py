"""Files of a run, to be registered as a model: of an `Experiment` here, or of MLflow.

runs:/RUN_ID/PATH          artefacts of an MLflow run
models:/NAME/VERSION       a version in MLflow's own registry (or a stage, or @alias)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlmagic.errors import NotFound, UsageError

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
