"""``mlmagic pipeline``: published pipelines and the URLs of their REST endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Commands, engine, option
from mlmagic.cli.output import done, output, show

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from mlmagic.sdk.published_pipeline import PublishedPipeline

_id = option("-i", "--pipeline-id", "pipeline_id", required=True, help="The published pipeline.")


@click.group(cls=Commands)
def pipeline() -> None:
    """Published pipelines. A POST to the URL of one starts a run."""


@pipeline.command("list")
@output("table")
def list_pipelines(form: str) -> None:
    """List the published pipelines. They have URLs while the server of their REST endpoints runs.

    \b
    Examples:
      mlmagic pipeline list
      mlmagic pipeline list -o json
    """
    from mlmagic.core.pipeline_urls import pipeline_path
    from mlmagic.sdk.published_pipeline import PublishedPipeline
    from mlmagic.sdk.workspace import Workspace

    with engine() as opened:
        known = opened.pipeline_endpoints.known_url
        found = PublishedPipeline.list(Workspace.over(opened), active_only=False)
        show([_record(each, known(pipeline_path(each.id))) for each in found], form)


@pipeline.command("show")
@_id
@output()
def show_pipeline(pipeline_id: str, form: str) -> None:
    """Show a published pipeline with its URL, and start the server of REST endpoints if it does not run.

    \b
    Example:
      mlmagic pipeline show -i 5d3a2c1e-8f4b-4c6d-9e7a-1b2c3d4e5f60
    """
    with engine() as opened:
        found = _pipeline(opened, pipeline_id)
        show(_record(found, found.endpoint), form)


@pipeline.command("enable")
@_id
def enable_pipeline(pipeline_id: str) -> None:
    """Accept requests for a published pipeline again.

    \b
    Example:
      mlmagic pipeline enable -i 5d3a2c1e-8f4b-4c6d-9e7a-1b2c3d4e5f60
    """
    with engine() as opened:
        found = _pipeline(opened, pipeline_id)
        found.enable()
        done(f"enabled pipeline {found.name}", {"id": found.id, "status": found.status})


@pipeline.command("disable")
@_id
def disable_pipeline(pipeline_id: str) -> None:
    """Refuse requests for a published pipeline. Runs that have begun go on.

    \b
    Example:
      mlmagic pipeline disable -i 5d3a2c1e-8f4b-4c6d-9e7a-1b2c3d4e5f60
    """
    with engine() as opened:
        found = _pipeline(opened, pipeline_id)
        found.disable()
        done(f"disabled pipeline {found.name}", {"id": found.id, "status": found.status})


@pipeline.command("stop-server")
def stop_server() -> None:
    """Stop the server of REST endpoints. Runs that have begun go on.

    It starts again, at the same port, when the URL of a pipeline is read.

    \b
    Example:
      mlmagic pipeline stop-server
    """
    with engine() as opened:
        opened.pipeline_endpoints.stop()
    done("stopped the server of REST endpoints", {"stopped": True})


def _pipeline(opened: Engine, pipeline_id: str) -> PublishedPipeline:
    from mlmagic.sdk.published_pipeline import PublishedPipeline
    from mlmagic.sdk.workspace import Workspace

    return PublishedPipeline.get(Workspace.over(opened), pipeline_id)


def _record(found: PublishedPipeline, endpoint: str) -> dict[str, Any]:
    return {
        "name": found.name,
        "id": found.id,
        "version": found.version,
        "status": found.status,
        "endpoint": endpoint,
    }
