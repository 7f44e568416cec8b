"""``mlmagic prometheus``: service discovery and metrics for Prometheus, and a dashboard for Grafana."""

from __future__ import annotations

from contextlib import suppress

import click

from mlmagic.cli.base import Commands, engine, option
from mlmagic.cli.output import echo, output, say, show

DEFAULT_PORT = 9464
"""That of OpenTelemetry's exporter for Prometheus."""
_CONFIGURATION = """Add this to prometheus.yml:

scrape_configs:
  - job_name: mlmagic
    http_sd_configs:
      - url: {url}/targets
"""


@click.group(cls=Commands)
def prometheus() -> None:
    """Monitoring with Prometheus and Grafana."""


@prometheus.command("serve")
@option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: a free port."
)
@option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. 0.0.0.0: everybody who reaches this machine can read the metrics.",
)
def serve_metrics(port: int, host: str) -> None:
    """Serve metrics of the workspace at /metrics, and service discovery for Prometheus (http_sd) at /targets.
    Runs until it is interrupted.

    \b
    Examples:
      mlmagic prometheus serve
      mlmagic prometheus serve --host 0.0.0.0 --port 9500
    """
    from mlmagic.engine.monitoring.metrics_server import listening

    with (
        engine() as opened,
        listening(opened.monitoring, host, port) as server,
        suppress(KeyboardInterrupt),  # the usual end
    ):
        url = f"http://{host}:{server.server_port}"
        say(_CONFIGURATION.format(url=url))
        echo(url)
        server.serve_forever()


@prometheus.command("targets")
@output()
def list_targets(form: str) -> None:
    """List the services to scrape, as Prometheus reads them (http_sd and file_sd).

    \b
    Example:
      mlmagic prometheus targets > targets.json
    """
    with engine() as opened:
        show(opened.monitoring.targets(), form)


@prometheus.command("dashboard")
def write_dashboard() -> None:
    """Print a Grafana dashboard. Import it in Grafana under Dashboards, New, Import.

    \b
    Example:
      mlmagic prometheus dashboard > mlmagic.json
    """
    from mlmagic.engine.monitoring.dashboard import DASHBOARD

    echo(DASHBOARD.read_text(encoding="utf-8"), nl=False)
