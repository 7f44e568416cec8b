"""Whether a service can collect data as its configuration says: checked before the deployment is recorded."""

from __future__ import annotations

from typing import Any

from mlmagic.core import advice
from mlmagic.core.collection import STORE, CollectionSettings
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.notify import Notify
from mlmagic.engine.environments.runtime import Versions
from mlmagic.errors import Advice, InvalidConfig, UsageError
from mlmagic.scoring.collection.settings import HASH_KEY, is_url
from mlmagic.targets.base import ComputeTarget


def check_collection(
    config: DeploymentConfig, target: ComputeTarget[Any], versions: Versions, notify: Notify
) -> None:
    """Check the settings of data collection, and report those without effect.

    Raises `InvalidConfig` or `UsageError` for data that cannot be collected.
    """
    wanted = CollectionSettings.of(config.compute_settings)
    if wanted is None:
        return
    if not target.capabilities.runs_interpreter:
        if not wanted.store:
            notify(
                Advice(
                    "collect_model_data has no effect on {target} without a store: a container's own "
                    "folders are deleted with it. Name one with: {store}",
                    target=target.name,
                    store=advice.argument(STORE, "s3://bucket/folder"),
                )
            )
            return
        if not is_url(wanted.store):
            raise InvalidConfig(
                STORE,
                wanted.store,
                f"must be a URL on {target.name!r}: a container's own folders are deleted with it",
                hint="For example s3://bucket/folder. The environment needs fsspec and the store's package.",
            )
    if wanted.redacted_columns and wanted.redaction == "hash":
        _check_key(config)
    needed = {"pyarrow": "collection_format"} if wanted.format == "parquet" else {}
    needed |= {"fsspec": STORE} if is_url(wanted.store) else {}
    for package, why in needed.items():
        if versions([package]).get(package, "unknown") is None:
            raise UsageError(
                f"{why} needs the package {package}, which the environment of the service does not have",
                hint=f"Add {package} to the environment, or install it here: pip install {package}",
            )


def _check_key(config: DeploymentConfig) -> None:
    if not config.environment_variables.get(HASH_KEY):
        raise InvalidConfig(
            "collection_redaction",
            "hash",
            f"needs a key in the environment variable {HASH_KEY}",
            hint=Advice(
                "Set it to a secret text with: {variable}",
                variable=advice.argument("environment_variables", {HASH_KEY: "..."}),
            ),
        )
