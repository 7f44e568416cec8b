"""Endpoints: versions of a service behind one address, each with its share of the requests."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.events import service_subject
from mlmagic.core.webservice import State, Webservice
from mlmagic.engine.endpoints.version_request import Marks, VersionRequest
from mlmagic.engine.engine import Engine
from mlmagic.errors import AlreadyExists, InvalidConfig, NotFound, ScriptError, UsageError
from tests.support.keep_alive import Tally, keep_alive_clients
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

SCRIPT = "def init(): ...\ndef run(data): return '{name}'\n"


def serving(name: str, **config: Any) -> VersionRequest:
    """A version that answers its name."""
    inference = InferenceConfig("score.py", script_text=SCRIPT.format(name=name))
    return VersionRequest((), inference, DeploymentConfig("local", **config))


def created(engine: Engine, **config: Any) -> Webservice:
    """An endpoint ``shop`` with the version ``blue``."""
    return engine.services.wait(engine.endpoints.create("shop", "blue", serving("blue", **config)), 60)


def with_green(engine: Engine, **marks: Any) -> Webservice:
    """The same with a second version, ``green``."""
    shop = created(engine)
    green = VersionRequest(inference=serving("green").inference)
    engine.services.wait(engine.endpoints.create_version("shop", "green", green, Marks(**marks)), 60)
    return shop


def answers(engine: Engine, count: int, **more: Any) -> Counter[str]:
    """What so many requests to ``shop`` are answered."""
    uri = str(engine.services.get("shop").scoring_uri)
    with requests.Session() as session:
        return Counter(session.post(uri, data="1", timeout=20, **more).json() for _ in range(count))


def more(clients: Tally, count: int) -> None:
    """Wait until they have got so many more answers."""
    before = clients.answered
    wait_for(lambda: clients.answered >= before + count, f"{count} more answers")


def events(engine: Engine, name: str) -> list[str]:
    return [
        f"{each.kind}: {each.message}"
        for each in engine.events.list()
        if each.subject == service_subject(name)
    ]


def test_an_endpoint_is_a_service_and_so_is_its_version(engine: Engine) -> None:
    shop = created(engine)
    assert shop.state is State.HEALTHY
    assert engine.services.names() == ["shop", "shop-blue"]
    assert engine.requests.score("shop", 1) == "blue"
    assert "VersionCreated: shop is an endpoint, and blue its first version" in events(engine, "shop")
    engine.services.delete("shop")
    assert engine.services.names() == []


def test_shares_hold_and_change_without_a_lost_request(engine: Engine) -> None:
    shop = with_green(engine, traffic_percentile=10)
    assert 19 <= answers(engine, 200)["green"] <= 21
    with keep_alive_clients(str(shop.url)) as clients:
        for percent in (0, 50, 100, 25):
            engine.traffic.set("shop", {"green": percent})
            more(clients, 50)
    assert clients.lost == []
    assert 49 <= answers(engine, 200)["green"] <= 51


def test_a_version_is_like_the_default_one_where_nothing_else_is_said(engine: Engine) -> None:
    created(engine, scoring_timeout_ms=1234, tags={"stage": "test"})
    engine.services.wait(
        engine.endpoints.create_version("shop", "green", VersionRequest(changes={"cpu": 0.5})), 60
    )
    config = engine.services.revision(engine.services.get("shop-green")).config
    assert (config.scoring_timeout_ms, config.cpu) == (1234, 0.5)
    assert answers(engine, 1, headers={"azureml-model-deployment": "green"}) == {"blue": 1}


def test_a_version_is_updated_and_deleted_on_its_own(engine: Engine) -> None:
    with_green(engine, traffic_percentile=100)
    red = VersionRequest(inference=serving("red").inference)
    engine.services.wait(engine.endpoints.update_version("shop", "green", red), 60)
    wait_for(lambda: answers(engine, 1) == {"red": 1}, "the new script")
    engine.endpoints.delete_version("shop", "green")
    assert engine.services.names() == ["shop", "shop-blue"]
    assert answers(engine, 20) == {"blue": 20}
    with pytest.raises(NotFound, match="green"):
        engine.endpoints.update_version("shop", "green", marks=Marks(1))


def test_blue_green(engine: Engine) -> None:
    with_green(engine)
    assert answers(engine, 20) == {"blue": 20}
    engine.traffic.switch("shop", "green")
    wait_for(lambda: answers(engine, 1) == {"green": 1}, "the switch")
    assert answers(engine, 20) == {"green": 20}
    assert engine.endpoints.endpoint("shop").default.name == "green"


def test_requests_are_kept_at_a_version(engine: Engine) -> None:
    with_green(engine, traffic_percentile=50)
    engine.traffic.stick("shop", "header:X-User")
    users = {str(number): answers(engine, 3, headers={"x-user": str(number)}) for number in range(20)}
    assert all(len(found) == 1 for found in users.values())
    assert {name for found in users.values() for name in found} == {"blue", "green"}


def test_shadow_answers_are_compared_and_nobody_gets_them(engine: Engine) -> None:
    with_green(engine, shadow_percentile=100)
    assert answers(engine, 30) == {"blue": 30}

    def green() -> dict[str, Any]:
        found: dict[str, Any] = engine.traffic.overview("shop")["versions"][1]
        return found

    wait_for(lambda: green()["shadow"]["different"] == 30, "all copies")
    difference = green()["differences"][0]
    assert (difference["answer"], difference["shadow_answer"]) == ('"blue"', '"green"')
    wait_for(
        lambda: engine.services.get("shop").version_figures["green"].shadow.get("different") == 30,
        "the figures",
    )


def test_keys_are_the_endpoints(engine: Engine) -> None:
    created(engine, auth_enabled=True)
    blue = engine.services.get("shop-blue")
    primary, secondary = engine.keys.get("shop")
    assert engine.keys.get("shop-blue")[0] not in (primary, secondary)
    assert engine.requests.score("shop", 1) == "blue"
    assert requests.post(str(engine.services.get("shop").scoring_uri), data="1").status_code == 401
    assert requests.post(str(blue.scoring_uri), data="1").status_code == 401
    changed, _ = engine.keys.regenerate("shop", "Primary")
    assert answers(engine, 1, headers={"Authorization": f"Bearer {changed}"}) == {"blue": 1}
    engine.keys.regenerate("shop-blue", "Primary")  # nobody needs it but the router
    wait_for(
        lambda: answers(engine, 1, headers={"Authorization": f"Bearer {changed}"}) == {"blue": 1},
        "the router's new credential",
    )


def test_tokens_are_the_endpoints(engine: Engine) -> None:
    created(engine, token_auth_enabled=True)
    token = engine.keys.access_token("shop").access_token
    assert answers(engine, 1, headers={"Authorization": f"Bearer {token}"}) == {"blue": 1}
    with pytest.raises(UsageError):
        engine.keys.access_token("shop-blue")


def test_a_first_version_that_fails_shows_its_traceback_and_is_replaced(engine: Engine) -> None:
    broken = InferenceConfig("score.py", script_text="def init(): 1 / 0\ndef run(data): ...\n")
    shop = engine.endpoints.create("shop", "blue", VersionRequest((), broken, DeploymentConfig("local")))
    with pytest.raises(ScriptError, match="division by zero"):
        engine.services.wait(shop, 60)
    assert created(engine).state is State.HEALTHY


def test_services_that_exist_become_versions_and_outlive_the_endpoint(engine: Engine) -> None:
    for name in ("one", "two"):
        found = serving(name)
        engine.services.wait(engine.services.deploy(f"svc-{name}", [], found.inference, found.config), 60)
    engine.services.wait(engine.endpoints.create_over("shop", {"first": "svc-one"}), 60)
    engine.endpoints.attach("shop", "second", "svc-two", Marks(50))
    assert 9 <= answers(engine, 20)["two"] <= 11
    with pytest.raises(UsageError, match="is version 'second' of the endpoint 'shop'"):
        engine.services.delete("svc-two")
    engine.services.delete("shop")
    assert engine.services.names() == ["svc-one", "svc-two"]


@pytest.mark.parametrize(
    ("config", "words"),
    [({"token_auth_enabled": True}, "takes tokens"), ({"auth_enabled": True}, "")],
)
def test_a_version_has_keys_or_none(engine: Engine, config: dict[str, Any], words: str) -> None:
    found = serving("one", **config)
    engine.services.wait(engine.services.deploy("svc-one", [], found.inference, found.config), 60)
    if words:
        with pytest.raises(UsageError, match=words):
            engine.endpoints.create_over("shop", {"first": "svc-one"})
        return
    engine.services.wait(engine.endpoints.create_over("shop", {"first": "svc-one"}), 60)
    assert answers(engine, 1) == {"one": 1}  # the router knows the key of the version


def test_a_version_cannot_be_given_what_its_router_does_not_send(engine: Engine) -> None:
    with_green(engine)
    revision = engine.services.get("shop-green").revision
    tokens = {"token_auth_enabled": True}
    with pytest.raises(UsageError, match="takes tokens"):
        engine.endpoints.update_version("shop", "green", VersionRequest(changes=tokens))
    with pytest.raises(UsageError, match="takes tokens"):
        engine.services.update("shop-green", config_changes=tokens)
    with pytest.raises(UsageError, match="takes tokens"):
        engine.endpoints.create_version("shop", "red", VersionRequest(changes=tokens))
    assert engine.services.get("shop-green").revision == revision
    assert engine.services.names() == ["shop", "shop-blue", "shop-green"]


def test_what_is_wrong_is_refused_and_nothing_is_left(engine: Engine) -> None:
    with pytest.raises(InvalidConfig, match="version name"):
        engine.endpoints.create("shop", "v1", serving("blue"))
    assert engine.services.names() == []
    created(engine)
    for name, words in (("shop", "Add a version"), ("shop-blue", "It is no endpoint")):
        with pytest.raises(AlreadyExists, match=words):
            engine.endpoints.create(name, "blue", serving("blue"))
    with pytest.raises(AlreadyExists, match="Deploy a version of it"):
        engine.services.deploy("shop", [], serving("x").inference, DeploymentConfig("local"), overwrite=True)
    with pytest.raises(UsageError, match="belongs to a version of it"):
        engine.services.update("shop", inference=serving("x").inference)
    with pytest.raises(UsageError, match="no endpoint with versions"):
        engine.traffic.set("shop-blue", {"blue": 1})
    with pytest.raises(UsageError, match="is an endpoint itself"):
        engine.endpoints.create_over("mall", {"first": "shop"})


def test_an_endpoint_is_replaced_by_one_that_can_be(engine: Engine) -> None:
    with_green(engine)
    with pytest.raises(NotFound, match="nothing"):
        engine.endpoints.create("shop", "blue", VersionRequest(("nothing:1",)), overwrite=True)
    assert engine.services.names() == ["shop", "shop-blue", "shop-green"]
    replaced = engine.endpoints.create("shop", "blue", serving("red"), overwrite=True)
    engine.services.wait(replaced, 60)
    assert engine.services.names() == ["shop", "shop-blue"]
    assert answers(engine, 5) == {"red": 5}


def test_stop_and_start_of_an_endpoint_are_those_of_its_versions(engine: Engine) -> None:
    created(engine)
    engine.services.stop("shop")
    assert {each.state for each in engine.services.list()} == {State.STOPPED}
    engine.services.wait(engine.services.start("shop"), 60)
    assert engine.requests.score("shop", 1) == "blue"


def test_the_access_of_an_endpoint_is_updated_and_its_versions_stay(engine: Engine) -> None:
    shop = with_green(engine, traffic_percentile=50)
    with keep_alive_clients(str(shop.url)) as clients:
        engine.services.wait(
            engine.services.update("shop", config_changes={"cors_origins": "https://a.example"}), 60
        )
        more(clients, 20)
    assert clients.lost == []
    found = requests.post(str(shop.scoring_uri), data="1", headers={"Origin": "https://a.example"})
    assert found.headers["Access-Control-Allow-Origin"] == "https://a.example"


def test_a_version_that_ends_is_told_by_its_name_and_comes_back(engine: Engine) -> None:
    with_green(engine)
    engine.services.stop("shop-green")
    forced = {"azureml-model-deployment": "green"}
    refused = requests.post(str(engine.services.get("shop").scoring_uri), data="1", headers=forced)
    assert refused.status_code == 503
    assert "Version 'green' is not available" in refused.json()["message"]
    assert engine.requests.score("shop", 1) == "blue"
    engine.services.wait(engine.services.start("shop-green"), 60)
    assert answers(engine, 1, headers={"azureml-model-deployment": "green"}) == {"green": 1}


def test_another_process_goes_on_with_an_endpoint(engine: Engine, tmp_path: Path) -> None:
    with_green(engine, traffic_percentile=50)
    other = Engine(engine.location, use_daemon=False)
    try:
        other.traffic.set("shop", {"green": 100})
        assert answers(engine, 10) == {"green": 10}
        assert other.endpoints.endpoint("shop") == engine.endpoints.endpoint("shop")
    finally:
        other.close()


def test_a_version_whose_deploy_is_interrupted_leaves_its_endpoint(engine: Engine) -> None:
    created(engine)
    slow = InferenceConfig(
        "score.py", script_text="import time\ndef init(): time.sleep(60)\ndef run(d): ...\n"
    )
    version = engine.endpoints.create_version(
        "shop", "green", VersionRequest(inference=slow), Marks(traffic_percentile=50)
    )
    assert "was interrupted" in engine.services.withdraw(version)
    assert engine.services.names() == ["shop", "shop-blue"]
    assert engine.endpoints.endpoint("shop").shares == {"blue": 100}
    assert answers(engine, 5) == {"blue": 5}


def test_an_update_that_cannot_be_changes_nothing_of_a_version(engine: Engine) -> None:
    with_green(engine, traffic_percentile=10)
    revision = engine.services.get("shop-green").revision
    red = VersionRequest(inference=serving("red").inference)
    with pytest.raises(InvalidConfig, match="must be between 0 and 100"):
        engine.endpoints.update_version("shop", "green", red, Marks(traffic_percentile=101))
    assert engine.services.get("shop-green").revision == revision
    with pytest.raises(NotFound, match="nothing"):
        engine.endpoints.update_version("shop", "green", VersionRequest(("nothing:1",)), Marks(50))
    assert engine.endpoints.endpoint("shop").shares["green"] == 10
