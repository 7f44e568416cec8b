"""The URLs of published pipelines and of pipeline endpoints: the paths that Azure ML v1 has.

    /pipelines/v1.0/PipelineRuns/PipelineSubmit/ID
    /pipelines/v1.0/PipelineRuns/PipelineEndpointSubmit/Id/ID             the default version
    /pipelines/v1.0/PipelineRuns/PipelineEndpointSubmit/Id/ID/0           version 0
    /pipelines/v1.0/PipelineRuns/PipelineEndpointSubmit/Name?name=NAME&pipelineVersion=0

Azure ML v1's own code makes the last two of the second: it appends the version, or replaces all after ``Id``.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote

from mlmagic.errors import UsageError

_RUNS = "/pipelines/v1.0/PipelineRuns"
_PUBLISHED = f"{_RUNS}/PipelineSubmit"
_ENDPOINT = f"{_RUNS}/PipelineEndpointSubmit"


@dataclass(frozen=True, slots=True)
class PipelineAddress:
    """A published pipeline, or a version of a pipeline endpoint."""

    pipeline_id: str | None = None
    endpoint_id: str | None = None
    version: str | None = None
    """The version of the endpoint; None for its default."""


def pipeline_path(pipeline_id: str) -> str:
    """The path of a published pipeline."""
    return f"{_PUBLISHED}/{quote(pipeline_id, safe='')}"


def endpoint_path(endpoint_id: str) -> str:
    """The path of a pipeline endpoint: of its default version."""
    return f"{_ENDPOINT}/Id/{quote(endpoint_id, safe='')}"


def address_of(target: str) -> PipelineAddress:
    """What a path with its query names. Raises `UsageError` for any other path."""
    path, _, query = target.partition("?")
    named = {key: values[-1] for key, values in parse_qs(query).items()}
    version = named.get("pipelineVersion")
    parts = [unquote(part) for part in path.removeprefix(f"{_RUNS}/").split("/")]
    if path.startswith(f"{_RUNS}/") and all(parts):
        match parts:
            case ["PipelineSubmit", pipeline_id]:
                return PipelineAddress(pipeline_id=pipeline_id)
            case ["PipelineEndpointSubmit", "Id", endpoint_id]:
                return PipelineAddress(endpoint_id=endpoint_id, version=version)
            case ["PipelineEndpointSubmit", "Id", endpoint_id, own_version]:
                return PipelineAddress(endpoint_id=endpoint_id, version=own_version)
            case ["PipelineEndpointSubmit", "Name"] if "name" in named:
                return PipelineAddress(endpoint_id=named["name"], version=version)
    raise UsageError(
        f"{target[:200]!r} is not the URL of a published pipeline",
        hint="Send the request to published_pipeline.endpoint or pipeline_endpoint.endpoint.",
    )
