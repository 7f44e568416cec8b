"""enable_app_insights: traces and log of a service go to the OpenTelemetry collector that is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.collectors import with_collector
from mlmagic.targets.server_variables import variables_of
from tests.support.collector import attributes, collecting
from tests.support.serving import SCRIPTS
from tests.support.waiting import wait_for

HERE = "OTEL_EXPORTER_OTLP_ENDPOINT"
ON = DeploymentConfig("local", compute_type="aci", compute_settings={"enable_app_insights": True})
OFF = replace(ON, compute_settings={"enable_app_insights": False})
ENVIRON = {HERE: "http://c:4318", "OTEL_EXPORTER_OTLP_HEADERS": "key=1", "OTHER": "x"}


@pytest.mark.parametrize(
    ("config", "environ", "variables"),
    [
        (ON, ENVIRON, {HERE: "http://c:4318", "OTEL_EXPORTER_OTLP_HEADERS": "key=1"}),
        (ON, {"OTHER": "x"}, {}),
        (OFF, ENVIRON, {}),
        (DeploymentConfig("local"), ENVIRON, {}),
        # Who names a collector has its headers, too.
        (replace(ON, environment_variables={HERE: "http://own"}), ENVIRON, {HERE: "http://own"}),
    ],
)
def test_the_collector_of_this_process_is_the_services(
    config: DeploymentConfig, environ: Mapping[str, str], variables: Mapping[str, str]
) -> None:
    assert with_collector(config, environ).environment_variables == variables


def test_the_servers_of_all_targets_are_told() -> None:
    assert variables_of(ON)["AML_APP_INSIGHTS_ENABLED"] == "true"
    assert "AML_APP_INSIGHTS_ENABLED" not in variables_of(OFF)


@pytest.mark.processes
def test_a_deploy_says_that_a_collector_is_missing_and_an_update_names_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(HERE, raising=False)
    script = InferenceConfig(str(SCRIPTS / "echo.py"))
    told: list[str] = []
    with collecting() as collector:
        service = engine.services.deploy("svc", [], script, ON, notify=told.append)
        engine.services.wait(service)
        assert any(f"has no effect: there is no {HERE}" in line for line in told)
        told.clear()
        changes = {"environment_variables": {HERE: collector.url}}
        engine.services.wait(engine.services.update("svc", config_changes=changes, notify=told.append))
        assert told == []
        engine.requests.score("svc", 1)
        wait_for(lambda: collector.requests, "the span")
        engine.services.delete("svc")
    (span,) = collector.requests
    assert attributes(span)["http.response.status_code"] == 200
    assert {each["service.name"] for each in collector.resources} == {"svc"}
    assert any(line.startswith("mlmagic: serving at") for line in collector.text())
