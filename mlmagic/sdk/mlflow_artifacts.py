"""Files of MLflow's runs and of its registry, to be registered as models.

runs:/RUN_ID/PATH          artifacts of an MLflow run
models:/NAME/VERSION       a version in MLflow's own registry (or a stage, or @alias)
"""

from __future__ import annotations

from pathlib import Path

from mlmagic.errors import InvalidConfig, NotFound, UsageError

SCHEMES = ("runs:/", "models:/")


def name_in(uri: str) -> str:
    """The name that an MLflow URI suggests for the model: the registered model's, or the artifact's."""
    parts = [part for part in uri.partition(":/")[2].split("/") if part]
    if not uri.startswith(SCHEMES) or len(parts) < 2:
        raise InvalidConfig("MLflow URI", uri, "must be runs:/RUN_ID/PATH or models:/NAME/VERSION")
    return parts[0].partition("@")[0] if uri.startswith("models:") else parts[-1]


def fetched(uri: str) -> Path:
    """The local path of an MLflow URI's artifacts, downloaded if necessary. Raises `NotFound`."""
    try:
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise UsageError(
            f"{uri!r} needs MLflow, which is not installed", hint="Install it: pip install mlmagic[mlflow]"
        ) from None
    try:
        return Path(download_artifacts(artifact_uri=uri))
    except (MlflowException, OSError) as error:
        raise NotFound("MLflow artifact", uri, hint=str(error).splitlines()[0]) from None
