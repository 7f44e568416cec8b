"""enable_app_insights: traces and log of a service go to the OpenTelemetry collector that is named."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.collectors import check_azure_monitor, with_collector
from mlmagic.errors import InvalidConfig, UsageError
from mlmagic.targets.server_variables import variables_of
from tests.support.collector import attributes, collecting
from tests.support.ingestion import ingesting
from tests.support.serving import SCRIPTS
from tests.support.waiting import wait_for

INSIGHTS, CONNECTION = "APPLICATIONINSIGHTS_CONNECTION_STRING", "InstrumentationKey=1234-secret"
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
        (ON, {INSIGHTS: CONNECTION}, {INSIGHTS: CONNECTION}),
        (ON, {INSIGHTS: CONNECTION, HERE: "http://c"}, {HERE: "http://c"}),
        (OFF, {INSIGHTS: CONNECTION}, {}),
        (replace(ON, environment_variables={INSIGHTS: CONNECTION}), ENVIRON, {INSIGHTS: CONNECTION}),
        # Who names a collector has its headers, too.
        (replace(ON, environment_variables={HERE: "http://own"}), ENVIRON, {HERE: "http://own"}),
    ],
)
def test_the_collector_of_this_process_is_the_services(
    config: DeploymentConfig, environ: Mapping[str, str], variables: Mapping[str, str]
) -> None:
    assert with_collector(config, environ).environment_variables == variables


@pytest.mark.parametrize(
    ("connection", "version", "error", "words"),
    [
        (CONNECTION, None, UsageError, "needs the package azure-monitor-opentelemetry-exporter, which the"),
        (CONNECTION, None, UsageError, "pip install 'mlmagic[azure-monitor]'"),
        ("1234-secret", "1.0.0b58", InvalidConfig, "must be as the Azure portal shows it"),
        (CONNECTION, "1.0.0b58", None, ""),
    ],
)
def test_what_application_insights_needs(
    connection: str, version: str | None, error: type[Exception] | None, words: str
) -> None:
    told: list[str] = []
    config = replace(ON, environment_variables={INSIGHTS: connection})
    with pytest.raises(error) if error else nullcontext() as refused:
        check_azure_monitor(config, lambda names: dict.fromkeys(names, version), told.append)
    if refused is not None:
        assert words in str(refused.value)
        assert "secret" not in str(refused.value)
    assert told == []
    off = replace(config, compute_settings={})
    check_azure_monitor(off, lambda names: dict.fromkeys(names), told.append)  # nothing is sent
    check_azure_monitor(
        replace(config, environment_variables={INSIGHTS: CONNECTION}), lambda _: {}, told.append
    )
    (note,) = told
    assert "without it nothing is sent" in note


@pytest.mark.together
def test_a_deploy_without_the_exporter_is_refused(
    fake_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlmagic.engine.environments.satisfaction.installed_here", lambda name: None)
    monkeypatch.setenv(INSIGHTS, CONNECTION)
    script = InferenceConfig(str(SCRIPTS / "echo.py"))
    with pytest.raises(UsageError, match=r"pip install 'mlmagic\[azure-monitor\]'"):
        fake_engine.services.deploy("svc", [], script, replace(ON, target="fake"))
    assert fake_engine.services.list() == []


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


@pytest.mark.processes
def test_a_service_sends_to_application_insights(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("azure.monitor.opentelemetry.exporter")
    monkeypatch.delenv(HERE, raising=False)
    script = InferenceConfig(str(SCRIPTS / "echo.py"))
    told: list[str] = []
    with ingesting() as ingestion:
        monkeypatch.setenv(INSIGHTS, ingestion.connection_string)
        engine.services.wait(engine.services.deploy("svc", [], script, ON, notify=told.append))
        engine.requests.score("svc", 1)
        wait_for(lambda: ingestion.of("RequestData"), "the request")
        engine.services.delete("svc")
    assert told == []
    assert {each["tags"]["ai.cloud.role"] for each in ingestion.envelopes} == {"svc"}
    assert ingestion.of("RequestData")[0]["responseCode"] == "200"
    assert any(each["message"].startswith("mlmagic: serving at") for each in ingestion.of("MessageData"))
