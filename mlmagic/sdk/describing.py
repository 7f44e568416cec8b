"""What is said of a model when it is registered, as the first SDK says it: of a path, or out of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlmagic.core.configuration import ResourceConfiguration
from mlmagic.core.model import ModelDescription, as_labels
from mlmagic.errors import InvalidConfig


def described(
    model_name: str,
    *,
    tags: Mapping[str, str] | None,
    properties: Mapping[str, str] | None,
    description: str | None,
    datasets: Sequence[tuple[str, Any]] | None,
    model_framework: str | None,
    model_framework_version: str | None,
    sample_input_dataset: Any,
    sample_output_dataset: Any,
    resource_configuration: ResourceConfiguration | None,
    run_id: str = "",
    experiment_name: str = "",
) -> ModelDescription:
    """As the engine takes it. Raises `InvalidConfig`."""
    for what, labels in (("tags", tags), ("properties", properties)):
        if labels is not None and not isinstance(labels, Mapping):
            raise InvalidConfig(what, labels, "must be a dict")
    return ModelDescription(
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
        datasets=tuple((scenario, dataset_id(dataset)) for scenario, dataset in datasets or ()),
    )


def sample_of(dataset: Any) -> Any:
    """The first rows of a dataset, as a sample; a sample that is given as such stays what it is."""
    if dataset is None or not hasattr(dataset, "to_pandas_dataframe"):
        return dataset
    return dataset.take(3).to_pandas_dataframe().values.tolist()


def dataset_id(dataset: Any) -> str:
    """Of a dataset, or the id itself."""
    return str(getattr(dataset, "id", None) or dataset)
