"""A real Prometheus reads the workspace of a real Jupyter server, as the guide says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location
from tests.support import prometheus
from tests.support.engines import script
from tests.support.jupyter_server import TOKEN, Server
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

SCRAPE_CONFIGS = """
scrape_configs:
  - job_name: mlmagic
    http_sd_configs:
      - url: {url}/mlmagic/targets
        authorization: {{type: token, credentials: {token}}}
        refresh_interval: 1s
  - job_name: mlmagic-workspace
    metrics_path: {path}/mlmagic/metrics
    authorization: {{type: token, credentials: {token}}}
    static_configs: [{{targets: ["{address}"]}}]
"""


def test_it_is_scraped_with_the_servers_token(server: Server, location: Location, tmp_path: Path) -> None:
    address, _, path = server.url.removeprefix("http://").partition("/")
    lines = SCRAPE_CONFIGS.format(url=server.url, token=TOKEN, path=f"/{path}", address=address)
    engine = Engine(location, use_daemon=False)
    try:
        engine.services.wait(engine.services.deploy("svc", [], script(), DeploymentConfig("local")))
        engine.requests.score("svc", 1)
        with prometheus.running(tmp_path, lines) as found:
            for query in ('mlmagic_requests_total{service="svc"}', 'mlmagic_service_info{service="svc"}'):
                wait_for(lambda asked=query: found.query(asked), found.targets, timeout=60)
    finally:
        engine.services.delete("svc")
        engine.close()
