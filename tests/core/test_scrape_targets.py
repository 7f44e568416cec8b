"""Which services Prometheus is given, and with which labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlmagic.core.endpoint import Endpoint, EndpointVersion
from mlmagic.core.scrape_targets import (
    ELSEWHERE,
    IDLES,
    NOT_SERVING,
    ONE_OF_SEVERAL,
    Monitored,
    group,
    groups,
    monitored,
    obstacle,
)
from mlmagic.core.webservice import Desired, State, Webservice

SERVES = Webservice(
    "a", "svc", "local", Desired.RUNNING, State.HEALTHY, 3, 0.0, 0.0, serving=2, url="http://127.0.0.1:5001"
)
OF_CLUSTER = replace(SERVES, target="kubernetes", url="http://10.0.0.1:30001")


@pytest.mark.parametrize(
    ("changes", "more", "expected"),
    [
        ({}, {}, ""),
        ({"state": State.UNHEALTHY}, {}, ""),
        ({"state": State.TRANSITIONING}, {}, ""),  # an update, while the revision before serves
        ({"serving": None}, {}, NOT_SERVING),
        ({"url": None}, {}, NOT_SERVING),
        ({"state": State.STOPPED}, {}, NOT_SERVING),
        ({"state": State.FAILED}, {}, NOT_SERVING),
        ({"desired": Desired.DELETED}, {}, NOT_SERVING),
        ({}, {"idles": True}, IDLES),
        ({"replicas": 2}, {"sums_replicas": True}, ""),
        ({"replicas": 2}, {"sums_replicas": False}, ONE_OF_SEVERAL),
        ({"stats": {"replicas": 2.0}}, {"sums_replicas": False}, ONE_OF_SEVERAL),
        ({"replicas": 1}, {"sums_replicas": False}, ""),
        ({"machine": "here"}, {}, ""),
        ({"machine": "there"}, {}, ELSEWHERE),
    ],
)
def test_what_cannot_be_scraped(changes: dict[str, Any], more: dict[str, Any], expected: str) -> None:
    assert obstacle(Monitored(replace(SERVES, **changes), **more), "here") == expected


def test_prometheus_on_another_machine_reaches_no_loopback_address() -> None:
    assert obstacle(Monitored(SERVES), "here", is_near=False) == ELSEWHERE
    assert obstacle(Monitored(OF_CLUSTER), "here", is_near=False) == ""


@pytest.mark.parametrize(
    ("url", "address", "special"),
    [
        ("http://127.0.0.1:5001", "127.0.0.1:5001", {}),
        ("http://[::1]:5001", "[::1]:5001", {}),
        ("http://svc.example", "svc.example:80", {}),
        ("https://svc.example", "svc.example:443", {"__scheme__": "https"}),
        ("http://10.0.0.1:80/default/svc/", "10.0.0.1:80", {"__metrics_path__": "/default/svc/metrics"}),
    ],
)
def test_the_address_of_a_target(url: str, address: str, special: dict[str, str]) -> None:
    assert group(url, {"service": "svc"}) == {"targets": [address], "labels": {**special, "service": "svc"}}


def test_all_services_with_their_labels() -> None:
    shop = replace(
        SERVES,
        id="s",
        name="shop",
        endpoint=Endpoint((EndpointVersion("blue", "shop-blue", is_default=True),)),
    )
    blue = replace(SERVES, id="b", name="shop-blue", url="http://127.0.0.1:5002")
    idle = replace(SERVES, id="i", name="idle")
    scaled = replace(OF_CLUSTER, id="k", name="scaled", replicas=2)
    found = monitored([idle, scaled, shop, blue], {"i"}, {"i", "s", "b"})
    assert groups(found, "ws", "here") == [
        {
            "targets": ["127.0.0.1:5001"],
            "labels": {"workspace": "ws", "service": "shop", "target": "local", "revision": "2"},
        },
        {
            "targets": ["127.0.0.1:5002"],
            "labels": {
                "workspace": "ws",
                "service": "shop-blue",
                "target": "local",
                "revision": "2",
                "endpoint": "shop",
                "version": "blue",
            },
        },
    ]
