"""What is decided about containers without an engine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import Phase
from mlmagic.errors import BuildFailed, InvalidConfig
from mlmagic.scoring.router.routes import Routes
from mlmagic.targets.docker import observation
from mlmagic.targets.docker.connection import Address, current
from mlmagic.targets.docker.progress import Progress, cause_in
from mlmagic.targets.docker.routes import addresses_of, routes_inside
from mlmagic.targets.docker.settings import (
    arguments_of,
    check_exposure,
    host_settings,
    limits_of,
    proxy_host_settings,
    run_folder,
    variables_of,
)
from mlmagic.targets.images.build_plan import build_plan
from tests.support.specs import spec


def container(**state: Any) -> Mapping[str, Any]:
    return {"Name": "/c", "State": state, "HostConfig": {"Memory": 512 << 20}}


@pytest.mark.parametrize(
    ("state", "report", "words"),
    [
        ({"OOMKilled": True, "ExitCode": 137}, {}, "more than its limit memory_gb=0.5 (512 MiB)"),
        ({"ExitCode": 3}, {"error": {"message": "no such weight"}}, "no such weight"),
        ({"ExitCode": 137}, {"phase": "serving"}, "SIGKILL"),
        ({"ExitCode": 2}, {}, "the container exited with code 2"),
        ({"ExitCode": 128, "Error": "exec: not found"}, {}, "exec: not found"),
    ],
)
def test_why_a_container_has_ended(state: Mapping[str, Any], report: Mapping[str, Any], words: str) -> None:
    seen = observation.ended(container(**state), report)
    assert seen.phase is Phase.EXITED
    assert words in seen.words


@pytest.mark.parametrize("report", [None, b"", b"{half", b"[]"])
def test_a_report_that_is_not_there_says_nothing(report: bytes | None) -> None:
    assert observation.record_of(report) == {}


@pytest.mark.parametrize(
    ("running", "ports", "port"),
    [
        (True, {"5001/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}]}, 32768),
        (True, {"5001/tcp": None}, None),
        (True, None, None),
        (False, {"5001/tcp": [{"HostPort": "1"}]}, None),
    ],
)
def test_the_port_of_a_proxy_container(running: bool, ports: Any, port: int | None) -> None:
    proxy = {"State": {"Running": running}, "NetworkSettings": {"Ports": ports}}
    assert observation.port_of(proxy) == port


def proxy(networks: Mapping[str, str], published: int | None = 32768, inner: int = 5001) -> Mapping[str, Any]:
    """A proxy container as the engine lists it."""
    port = {"PrivatePort": inner, "Type": "tcp"} | ({"PublicPort": published} if published else {})
    addresses = {name: {"IPAddress": address} for name, address in networks.items()}
    return {"Ports": [port], "NetworkSettings": {"Networks": addresses}}


@pytest.mark.parametrize(
    ("proxies", "addresses"),
    [
        ([], {}),
        (
            [proxy({"bridge": "172.17.0.2"}), proxy({"bridge": "172.17.0.3"}, 8080)],
            {32768: "172.17.0.2:5001", 8080: "172.17.0.3:5001"},
        ),
        ([proxy({"a": "10.0.0.2", "bridge": "172.17.0.2"})], {32768: "172.17.0.2:5001"}),
        ([proxy({"a": "", "b": "10.0.0.2"})], {32768: "10.0.0.2:5001"}),
        ([proxy({"bridge": ""})], {}),
        ([proxy({"bridge": "172.17.0.2"}, None)], {}),
        ([proxy({"bridge": "172.17.0.2"}, inner=80)], {}),
        ([{"Ports": [], "NetworkSettings": None}, {"Ports": None}], {}),
    ],
)
def test_the_addresses_of_proxy_containers(proxies: Any, addresses: Mapping[int, str]) -> None:
    assert addresses_of(proxies) == addresses


@pytest.mark.parametrize(
    ("url", "machine", "inside", "host"),
    [
        ("http://127.0.0.1:32768", "127.0.0.1", "http://172.17.0.2:5001", "127.0.0.1:32768"),
        ("http://10.0.0.5:32768", "10.0.0.5", "http://172.17.0.2:5001", "10.0.0.5:32768"),
        ("http://10.0.0.5", "10.0.0.5", "http://172.17.0.3:5001", "10.0.0.5"),
        ("http://127.0.0.1:9", "127.0.0.1", None, None),
        ("http://127.0.0.1:32768", "10.0.0.5", None, None),
        (None, "127.0.0.1", None, None),
    ],
)
def test_a_router_in_a_container_calls_the_containers_of_its_engine(
    url: str | None, machine: str, inside: str | None, host: str | None
) -> None:
    version = {"name": "blue", "url": url, "percent": 100, "credential": "secret"}
    given = {"default": "blue", "sticky_by": "client", "versions": [version]}
    addresses = {32768: "172.17.0.2:5001", 80: "172.17.0.3:5001"}
    found = json.loads(routes_inside(json.dumps(given), machine, addresses))
    expected = version | {"url": inside} | ({"host_header": host} if host else {})
    assert found == given | {"versions": [expected]}
    read = Routes.of_record(found)
    assert (read.versions[0].url, read.versions[0].host) == (inside, host or "")


@pytest.mark.parametrize(
    ("cpu", "limit"),
    [(0.1, None), (0.5, 500_000_000), (2.0, 2_000_000_000)],
)
def test_cores_are_a_limit_but_for_the_documents_default(cpu: float, limit: int | None) -> None:
    limits = limits_of(DeploymentConfig("docker", cpu=cpu, memory_gb=1.5))
    assert limits.get("nano_cpus") == limit
    assert limits["cpu_shares"] == int(cpu * 1024)
    assert limits["mem_limit"] == limits["memswap_limit"] == 1536 << 20


@pytest.mark.parametrize(
    ("asked", "cores", "requests"),
    [
        (True, None, [{"Count": -1, "Capabilities": [["gpu"]]}]),
        (True, 2, [{"Count": 2, "Capabilities": [["gpu"]]}]),
        (False, 2, None),
    ],
)
def test_gpus_are_asked_for_where_the_environment_wants_them(
    asked: bool, cores: int | None, requests: Any, tmp_path: Path
) -> None:
    config = DeploymentConfig("docker", compute_settings={} if cores is None else {"gpu_cores": cores})
    given = spec(tmp_path, config=config, environment={"docker": {"enableGpu": asked}})
    assert host_settings(given, build_plan(given, {}), "proxy").get("device_requests") == requests


def test_a_failing_step_is_told_with_its_own_last_lines() -> None:
    told: list[str] = []
    progress = Progress("the service image cannot be built", told.append)
    for line in ("Step 1/2 : FROM x\n", " ---> 123\n", "Step 2/2 : RUN make\n", "cc: not ", "found\n"):
        progress.take({"stream": line})
    with pytest.raises(BuildFailed, match="the service image cannot be built: RUN make failed") as failed:
        progress.take({"error": "The command '/bin/sh -c make' returned a non-zero code: 127"})
    assert failed.value.log == "Step 2/2 : RUN make\ncc: not found"
    assert told == ["Step 1/2 : FROM x", "Step 2/2 : RUN make", "cc: not found"]


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (["cc: not found"], ""),
        (
            ["Resolved 13 packages in 2.10s", "error: Failed to build `x`", "cause: It returned"],
            "Failed to build `x`",
        ),
        (["  × Failed to build `x`", "  ╰─▶ The build backend returned an error"], "Failed to build `x`"),
        (
            ["error: No solution found when resolving dependencies", "cause: Because a==1 and a==2, no."],
            "Because a==1 and a==2, no.",
        ),
        (["ERROR: No matching distribution found for x"], "No matching distribution found for x"),
        (["Reading package lists...", "E: Unable to locate package gxx"], "Unable to locate package gxx"),
        (["Errors were found"], ""),
    ],
)
def test_the_headline_of_a_failing_step_is_its_cause(lines: list[str], cause: str) -> None:
    assert cause_in(lines) == cause
    progress = Progress("the image cannot be built", lambda line: None)
    for line in ("Step 1/1 : RUN make", *lines):
        progress.take({"stream": f"{line}\n"})
    with pytest.raises(BuildFailed, match=re.escape(f"cannot be built: {cause or 'RUN make failed'}")):
        progress.take({"error": "it returned a non-zero code"})


def test_a_pull_tells_each_layer_when_it_begins_something_else() -> None:
    told: list[str] = []
    progress = Progress("base image 'x' cannot be pulled", told.append)
    for done in (1, 2, 3):
        progress.take({"status": "Downloading", "id": "ab12", "progressDetail": {"current": done}})
    progress.take({"status": "Pull complete", "id": "ab12"})
    assert told == ["ab12: Downloading", "ab12: Pull complete"]


@pytest.mark.parametrize(
    ("host", "machine", "local"),
    [
        ("unix:///run/user/1000/docker.sock", "127.0.0.1", True),
        ("tcp://10.0.0.5:2376", "10.0.0.5", False),
        ("ssh://me@builder.example", "builder.example", False),
    ],
)
def test_where_an_engines_ports_are(host: str, machine: str, local: bool) -> None:
    address = current({"DOCKER_HOST": host})
    assert address == Address(host)
    assert (address.machine, address.is_local) == (machine, local)


HERE, ELSEWHERE = Address("unix:///var/run/docker.sock"), Address("tcp://10.0.0.5:2376")


@pytest.mark.parametrize(
    ("address", "settings", "refused"),
    [
        (HERE, {}, False),
        (ELSEWHERE, {}, True),
        (Address("ssh://me@builder.example"), {}, True),
        (ELSEWHERE, {"auth_enabled": True}, False),
        (ELSEWHERE, {"token_auth_enabled": True}, False),
        (ELSEWHERE, {"without_auth": True}, False),
    ],
)
def test_a_service_on_a_remote_engine_says_who_may_call_it(
    address: Address, settings: Mapping[str, Any], refused: bool
) -> None:
    config = DeploymentConfig("docker", **settings)
    if not refused:
        check_exposure(config, address)
        return
    with pytest.raises(InvalidConfig, match=r"everyone who reaches .* could call the service") as error:
        check_exposure(config, address)
    assert "Require keys with: --auth. Allow everyone with: --no-auth" in str(error.value.hint)


@pytest.mark.parametrize(
    ("given", "is_local", "hosts"),
    [("", True, "localhost"), ("", False, None), ("a.example", True, "a.example"), ("b", False, "b")],
)
def test_a_container_of_this_machine_is_called_by_local_names(
    given: str, is_local: bool, hosts: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    wanted = spec(tmp_path, config=DeploymentConfig("docker", allowed_hosts=given))
    variables = variables_of(wanted, build_plan(wanted, {}), is_local=is_local)
    assert variables.get("MLMAGIC_ALLOWED_HOSTS") == hosts


def test_a_container_has_a_process_limit_and_bounded_logs(tmp_path: Path) -> None:
    wanted = spec(tmp_path, config=DeploymentConfig("docker"))
    for found in (
        host_settings(wanted, build_plan(wanted, {}), "proxy"),
        proxy_host_settings("v", ("127.0.0.1", None)),
    ):
        assert 0 < found["pids_limit"] <= 4096
        assert found["log_config"] == {"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}}


@pytest.mark.parametrize(("keys_file", "option"), [(None, "--no-auth"), ("/k.json", "--keys-file")])
def test_a_container_listens_on_all_addresses_with_keys_or_openly(
    keys_file: str | None, option: str, tmp_path: Path
) -> None:
    wanted = spec(tmp_path, config=DeploymentConfig("docker"), keys_file=keys_file)
    arguments = arguments_of(wanted, build_plan(wanted, {}), predecessor=None)
    assert {"--no-auth", "--keys-file"} & {*arguments} == {option}


def test_a_router_is_started_with_its_routes_in_place_of_a_script(tmp_path: Path) -> None:
    wanted = spec(tmp_path, config=DeploymentConfig("docker"), routes_file=str(tmp_path / "routes.json"))
    arguments = arguments_of(wanted, build_plan(wanted, {}), predecessor=None)
    assert arguments[:2] == ["--routes", f"{run_folder(wanted.run_dir)}/routes.json"]
    assert "--entry-script" not in arguments
