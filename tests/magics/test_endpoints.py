"""`%endpoint` and `%rollout`, on the fake target."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.errors import AlreadyExists, InvalidConfig, NotFound, UsageError
from mlmagic.magics.session import MLMagic
from mlmagic.sdk.aks_endpoint import AksEndpoint
from tests.support.shells import SCRIPT, TestingShell

pytestmark = pytest.mark.together


@pytest.fixture
def shop(session: MLMagic, shell: TestingShell) -> TestingShell:
    """A shell with the endpoint ``shop``, which has the versions ``blue`` and ``green``."""
    shell.run_cell(f"%%score_script shop\n{SCRIPT}")
    made = shell.run_cell("end = %endpoint create shop blue --script shop\nend")
    assert type(made) is AksEndpoint
    shell.run_cell("%endpoint add shop green --script shop --traffic 10")
    return shell


def shares(session: MLMagic) -> dict[str, float]:
    return session.engine.endpoints.endpoint("shop").shares


def test_an_endpoint_is_created_and_shown(shop: TestingShell, session: MLMagic) -> None:
    assert shares(session) == {"blue": 90, "green": 10}
    found: Any = shop.run_cell("found = %endpoint\nfound")
    assert [each.name for each in found] == ["shop"]
    assert "blue 90 %, green 10 %" in repr(found)
    shop.run_cell("%endpoint shop")
    assert "green    10 %   treatment         shop-green" in shop.shown()
    assert sorted(each.name for each in shop.user_ns["end"].versions.values()) == ["shop-blue", "shop-green"]


def test_tab_offers_actions_endpoints_and_versions(shop: TestingShell) -> None:
    complete = shop._mlmagic_extension._completion.complete
    assert complete("%endpoint s")[1] == ["switch", "stick", "shop"]
    assert complete("%endpoint switch sh")[1] == ["shop"]
    assert complete("%endpoint switch shop ")[1] == ["blue", "green"]
    assert complete("%rollout ")[1] == ["shop"]
    assert complete("%rollout shop g")[1] == ["green"]


def test_traffic_is_changed(shop: TestingShell, session: MLMagic) -> None:
    shop.run_cell("%endpoint traffic shop blue=60 green=40")
    assert shares(session) == {"blue": 60, "green": 40}
    shop.run_cell("%endpoint update shop green --traffic 30 --shadow 100 --control")
    green = session.engine.endpoints.endpoint("shop").version("green")
    assert (green.traffic_percentile, green.shadow_percentile, green.version_type) == (30, 100, "Control")
    shop.run_cell("%endpoint stick shop header:X-User")
    assert session.engine.endpoints.endpoint("shop").sticky_by == "header:x-user"
    shop.run_cell("%endpoint stick shop none")
    assert session.engine.endpoints.endpoint("shop").sticky_by is None
    shop.run_cell("%endpoint switch shop green")
    assert shares(session) == {"blue": 0, "green": 100}
    shop.run_cell("%endpoint delete-version shop blue")
    assert session.engine.services.names() == ["shop", "shop-green"]


def test_a_rollout_begins_and_is_taken_back(shop: TestingShell, session: MLMagic) -> None:
    shop.run_cell('%rollout shop --step 20 --every 2m --if "p99<80ms and errors<1%"')
    rollout = session.engine.endpoints.endpoint("shop").rollout
    assert rollout is not None
    assert (rollout.version, rollout.step, rollout.every) == ("green", 20, 120)
    assert shares(session) == {"blue": 70, "green": 30}
    assert "green gets 20 % more of the requests every 2m while p99<80ms and errors<1%." in shop.shown()
    shop.run_cell("%rollout shop --pause")
    rollout = session.engine.endpoints.endpoint("shop").rollout
    assert rollout is not None
    assert rollout.is_paused
    shop.run_cell("%rollout shop --resume")
    shop.run_cell("%rollout shop --revert")
    assert shares(session) == {"blue": 90, "green": 10}


def test_services_that_exist_become_versions(session: MLMagic, shell: TestingShell) -> None:
    shell.run_cell(f"%%score_script one\n{SCRIPT}")
    shell.run_cell("%deploy svc-one --script one")
    shell.run_cell("%deploy svc-two --script one")
    shell.run_cell("%endpoint create shop --service first=svc-one")
    shell.run_cell("%endpoint add shop --service second=svc-two --traffic 5")
    assert shares(session) == {"first": 95, "second": 5}


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("%endpoint creat shop blue", UsageError, "Did you mean 'create'?"),
        ("%endpoint bogus shop", UsageError, "The actions are create, add"),
        ("%endpoint add shop", UsageError, "%endpoint add takes NAME VERSION, and not 'shop'"),
        ("%endpoint create shop v1 --script shop", InvalidConfig, "version name 'v1'"),
        ("%endpoint create shop blue --script shop", AlreadyExists, "Endpoint 'shop' already exists"),
        ("%endpoint add shop green --script shop", AlreadyExists, "Version 'green' already exists"),
        ("%endpoint add shop red --script shop --traffic 95", InvalidConfig, "'105' is more than 100"),
        ("%endpoint traffic shop", UsageError, "no shares are named"),
        ("%endpoint traffic shop red=1", NotFound, "Version not found: 'red'"),
        ("%endpoint traffic shop-blue blue=1", UsageError, "'shop-blue' is a service, and no endpoint"),
        ("%endpoint nowhere", NotFound, "Service not found: 'nowhere'"),
        ("%endpoint delete-version shop blue", InvalidConfig, "Make 'green' the default first"),
        ("%endpoint update shop green", UsageError, "nothing to update in version 'green'"),
        ("%rollout shop --every soon", InvalidConfig, "--every 'soon' must be a number"),
        ("%rollout shop --stop", UsageError, "no rollout of 'shop' is under way"),
        ("%rollout shop --pause", UsageError, "no rollout of 'shop' is under way"),
        ("%rollout shop --pause --stop", UsageError, "exclude each other"),
        ("%rollout shop-blue --pause", UsageError, "no update of 'shop-blue' is under way"),
        ("%deploy shop --script shop --overwrite", AlreadyExists, "Deploy a version of it, or delete it"),
        ("%update shop --script shop", UsageError, "inference belongs to a version of it"),
        ("%update shop --cpu 2", UsageError, "cpu belongs to a version of it"),
        ("%scale shop 2", UsageError, "Scale the service of a version: shop-blue, shop-green."),
        ("%delete shop-green", UsageError, "is version 'green' of the endpoint 'shop'"),
    ],
)
def test_what_is_wrong_changes_nothing(
    shop: TestingShell, session: MLMagic, line: str, kind: type[Exception], words: str
) -> None:
    shop.refuses(line, kind, words)
    assert shares(session) == {"blue": 90, "green": 10}
