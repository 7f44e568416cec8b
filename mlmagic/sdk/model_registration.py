"""Registering a model: of a path (`Model.register`), or of a run's files (`Run.register_model`)."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from mlmagic.core.configuration import ResourceConfiguration
from mlmagic.core.model import ModelDescription, as_labels
from mlmagic.errors import InvalidConfig
from mlmagic.sdk.messages import show_line
from mlmagic.sdk.workspace_base import WorkspaceBase


def register_model(
    workspace: WorkspaceBase,
    path: str,
    model_name: str,
    *,
    tags: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
    description: str | None = None,
    datasets: Sequence[tuple[str, Any]] | None = None,
    model_framework: str | None = None,
    model_framework_version: str | None = None,
    sample_input_dataset: Any = None,
    sample_output_dataset: Any = None,
    resource_configuration: ResourceConfiguration | None = None,
    child_paths: Sequence[str] | None = None,
    run_id: str = "",
    experiment_name: str = "",
    compile: bool = False,
) -> Any:
    """Register a file or folder as the next version of ``model_name``; returns the `Model`.

    Raises `InvalidConfig` for labels that are not a dict of texts.
    """
    for what, labels in (("tags", tags), ("properties", properties)):
        if labels is not None and not isinstance(labels, Mapping):
            raise InvalidConfig(what, labels, "must be a dict")
    details = ModelDescription(
        model_name,
        tags=as_labels(tags),
        properties=as_labels(properties),
        description=description or "",
        framework=model_framework,
        framework_version=model_framework_version,
        sample_input=sample_of(sample_input_dataset),
        sample_output=sample_of(sample_output_dataset),
        resource_configuration=resource_configuration,
        run_id=run_id,
        experiment_name=experiment_name,
        definitions=_definitions_of_notebook(path),
        datasets=tuple((scenario, dataset_id(dataset)) for scenario, dataset in datasets or ()),
        compile=compile,
    )
    return workspace.model_of(
        workspace.engine.models.register(path, details, child_paths=child_paths, notify=show_line)
    )


def _definitions_of_notebook(path: str) -> str:
    """The source of what the pickles at ``path`` need of the notebook that runs this; "" outside of one."""
    if "IPython" not in sys.modules:
        return ""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None or shell.history_manager is None:
        return ""
    from mlmagic.engine.models.notebook_definitions import definitions_of

    return definitions_of(path, shell.user_ns, shell.history_manager.input_hist_raw, print)


def sample_of(dataset: Any) -> Any:
    """The first rows of a dataset as a sample; other values are samples themselves."""
    if dataset is None or not hasattr(dataset, "to_pandas_dataframe"):
        return dataset
    return dataset.take(3).to_pandas_dataframe().values.tolist()


def dataset_id(dataset: Any) -> str:
    """The id of a dataset; text is an id itself."""
    return str(getattr(dataset, "id", None) or dataset)
