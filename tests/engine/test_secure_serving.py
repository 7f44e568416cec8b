"""Keys, tokens, TLS and CORS of services on the local target: real processes, real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.engine.http import probe
from mlmagic.errors import InvalidConfig
from mlmagic.sdk.webservice import Webservice
from mlmagic.sdk.workspace import Workspace
from tests.support.certificates import write_certificate
from tests.support.engines import script
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    pair = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_certificate(*pair)
    return pair


@pytest.fixture
def ask() -> Iterator[Callable[..., int]]:
    """POSTs to a service with a credential; the status."""
    with requests.Session() as session:
        session.trust_env = False

        def ask(service: Webservice, credential: str | None) -> int:
            headers = {"Authorization": f"Bearer {credential}"} if credential else {}
            return session.post(service.scoring_uri or "", data="1", headers=headers, timeout=10).status_code

        yield ask


def deploy(engine: Engine, **settings: Any) -> Webservice:
    return Webservice.of(
        Workspace.over(engine),
        engine.services.wait(
            engine.services.deploy("svc", [], script("other"), DeploymentConfig(**settings))
        ),
    )


def test_keys_are_regenerated_under_load(engine: Engine, ask: Callable[..., int]) -> None:
    service = deploy(engine, auth_enabled=True)
    primary, secondary = service.get_keys()
    assert [ask(service, key) for key in (None, "wrong-key", primary, secondary)] == [401, 401, 200, 200]
    statuses: list[int] = []
    stop = threading.Event()

    def call() -> None:
        with requests.Session() as session:
            session.trust_env = False
            headers = {"Authorization": f"Bearer {secondary}"}
            while not stop.is_set():
                answer = session.post(service.scoring_uri or "", data="1", headers=headers, timeout=10)
                statuses.append(answer.status_code)

    calling = threading.Thread(target=call)
    calling.start()
    try:
        for _ in range(3):
            before = service.get_keys()[0]
            service.regen_key("Primary")
            assert ask(service, service.get_keys()[0]) == 200
            assert service.run("1") == "other"
            wait_for(lambda before=before: ask(service, before) == 401, "the end of the old key")
    finally:
        stop.set()
        calling.join()
    assert len(statuses) > 10
    assert set(statuses) == {200}
    assert service.record.restarts == 0
    log = service.get_logs()
    assert not any(key in log for key in (primary, *service.get_keys()))


def test_tokens(engine: Engine, ask: Callable[..., int]) -> None:
    service = deploy(engine, token_auth_enabled=True)
    token, _ = service.get_token()
    assert [ask(service, each) for each in (None, token[:-2], token)] == [401, 401, 200]
    assert service.run("1") == "other"


def test_authentication_is_switched_on_and_off(engine: Engine, ask: Callable[..., int]) -> None:
    service = deploy(engine)
    assert ask(service, None) == 200
    for wanted, status in ((True, 401), (False, 200)):
        service.update(auth_enabled=wanted)
        service.wait_for_deployment()
        assert ask(service, None) == status
        assert service.run("1") == "other"


def test_tls_with_a_certificate_that_signs_itself(
    engine: Engine, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files[0].parent)
    service = deploy(engine, auth_enabled=True, ssl_cert_pem_file="cert.pem", ssl_key_pem_file="key.pem")
    assert (service.scoring_uri or "").startswith("https://127.0.0.1:")
    assert service.run("1") == "other"
    wait_for(lambda: service.record.stats.get("requests") == 1, "what the service counts of itself")
    write_certificate(*files)
    wait_for(lambda: "was renewed" in service.get_logs(), "the renewal")
    assert service.run("1") == "other"
    assert probe.answers(service.record.url or "", str(files[0]))
    service.update(tags={"a": "1"})
    service.wait_for_deployment()
    assert (service.state, service.run("1")) == (State.HEALTHY, "other")
    service.update(ssl_cert_pem_file="", ssl_key_pem_file="")
    service.wait_for_deployment()
    assert (service.scoring_uri or "").startswith("http://")
    assert service.run("1") == "other"


def test_a_certificate_that_cannot_be_used_is_refused_beforehand(
    engine: Engine, files: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(InvalidConfig, match=r"nowhere\.pem: No such file.*Give a PEM file"):
        deploy(engine, ssl_cert_pem_file=str(tmp_path / "nowhere.pem"), ssl_key_pem_file=str(files[1]))
    write_certificate(files[0], tmp_path / "other.pem")
    with pytest.raises(InvalidConfig, match="KEY_VALUES_MISMATCH"):
        deploy(engine, ssl_cert_pem_file=str(files[0]), ssl_key_pem_file=str(files[1]))
    assert engine.services.list() == []


def test_web_pages_may_call_it(engine: Engine) -> None:
    service = deploy(engine, auth_enabled=True, cors_origins="https://page.example")
    with requests.Session() as session:
        session.trust_env = False
        preflight = session.options(
            service.scoring_uri or "",
            headers={
                "Origin": "https://page.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization",
            },
            timeout=10,
        )
        assert preflight.status_code == 200
        assert preflight.headers["Access-Control-Allow-Headers"] == "authorization"
        refused = session.post(
            service.scoring_uri or "", data="1", headers={"Origin": "https://page.example"}, timeout=10
        )
    assert (refused.status_code, json.loads(refused.content)) == (401, {"message": "Unauthorized"})
    assert refused.headers["Access-Control-Allow-Origin"] == "https://page.example"
