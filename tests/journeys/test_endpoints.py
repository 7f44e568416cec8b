"""The card of an endpoint in JupyterLab: its versions side by side, and its traffic changed by hand.

Screenshots, light and dark, wide and narrow, are left in tests/artifacts to be looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import requests

from mlmagic.engine.engine import Engine
from tests.journeys.themes import check_themes
from tests.support.browser import ARTIFACTS
from tests.support.jupyter_clients import Client
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

SCRIPT = """%%score_script {name}
import time

def init(): ...

def run(data):
    time.sleep({seconds})
    return "{name}\""""
CELLS = [
    "%load_ext mlmagic",
    SCRIPT.format(name="blue", seconds=0.002),
    "%endpoint create shop blue --script blue",
    SCRIPT.format(name="green", seconds=0.006),
    "%endpoint add shop green --script green --traffic 25 --shadow 100",
]


@pytest.fixture
def cells() -> Sequence[str]:
    return CELLS


def test_the_traffic_of_an_endpoint(lab: Client, page: Any, engine: Engine) -> None:
    card = page.get_by_role("group", name="Service shop", exact=True).first
    traffic = card.get_by_role("group", name="Traffic of shop")
    traffic.get_by_text("Together 25 %: the default version blue gets the remaining 75 %.").wait_for()
    uri = str(engine.services.get("shop").scoring_uri)
    with requests.Session() as session:
        for _ in range(200):
            session.post(uri, data="1").raise_for_status()
    traffic.get_by_text("green is slower than blue").wait_for()
    traffic.get_by_text("As a shadow: 100 %").wait_for()

    share = traffic.get_by_label("Share of green in percent")
    share.fill("110")
    traffic.get_by_text("Each share must be between 0 and 100 %.").wait_for()
    apply = traffic.get_by_role("button", name="Apply the shares of shop")
    assert apply.is_disabled()
    share.fill("40")
    apply.click()
    wait_for(lambda: engine.endpoints.endpoint("shop").shares["green"] == 40, "the new share")

    lab.command("application:toggle-left-area")
    check_themes(lab, page, "endpoint", widths=(480, 1200), height=2400, part=card)

    engine.traffic.roll_out("shop", "green", step=20, every=3600, guard="p99<5s")
    traffic.get_by_text("green is being rolled out: at 60 % until").wait_for()
    share.fill("5")
    apply.click()
    traffic.get_by_text("'green' is being rolled out, which decides about the traffic").wait_for()
    card.screenshot(path=ARTIFACTS / "endpoint-rollout.png")
