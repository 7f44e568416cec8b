"""The URLs of pipelines, also those that Azure ML v1's own code makes of them."""

from __future__ import annotations

import pytest

from mlmagic.core.pipeline_urls import PipelineAddress, address_of, endpoint_path, pipeline_path
from mlmagic.errors import UsageError

BY_ID = endpoint_path("my endpoint")
BY_NAME = BY_ID.split("Id", 1)[0] + "Name?name=" + "my%20endpoint"
DEFAULT = PipelineAddress(endpoint_id="my endpoint")
FIRST = PipelineAddress(endpoint_id="my endpoint", version="0")


@pytest.mark.parametrize(
    ("target", "address"),
    [
        (pipeline_path("7"), PipelineAddress(pipeline_id="7")),
        (pipeline_path("a/b"), PipelineAddress(pipeline_id="a/b")),
        (pipeline_path("7") + "?api-version=1", PipelineAddress(pipeline_id="7")),
        (BY_ID, DEFAULT),
        (BY_ID + "/0", FIRST),
        (BY_ID + "?pipelineVersion=0", FIRST),
        (BY_NAME, DEFAULT),
        (BY_NAME + "&pipelineVersion=0", FIRST),
    ],
)
def test_a_url_names_a_pipeline(target: str, address: PipelineAddress) -> None:
    assert address_of(target) == address


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "",
        "*",
        "/pipelines/v1.0/PipelineRuns/PipelineSubmit/",
        "/pipelines/v1.0/PipelineRuns/PipelineSubmit/a/b",
        "/pipelines/v1.0/PipelineRuns/PipelineEndpointSubmit/a",
        "/pipelines/v1.0/PipelineRuns/PipelineEndpointSubmit/Id/a/b/c",
        "/pipelines/v1.0/PipelineRuns/PipelineEndpointSubmit/Name",
        "/x" + pipeline_path("7"),
        "http://[",
    ],
)
def test_other_paths_name_none(target: str) -> None:
    with pytest.raises(UsageError, match="is not the URL of a published pipeline"):
        address_of(target)
