"""Endpoints: Azure ML v1's rules for versions, percentages, the default version and the control."""

from __future__ import annotations

import pytest

from mlmagic.core.endpoint import (
    Endpoint,
    EndpointVersion,
    VersionType,
    check_sticky_by,
    first_version,
    read_shares,
    service_name,
)
from mlmagic.core.rollout import Rollout
from mlmagic.errors import AlreadyExists, InvalidConfig, NotFound


def endpoint(**percents: float) -> Endpoint:
    """An endpoint with these versions, the first of which is the default one."""
    (first, percent), *others = percents.items()
    found = first_version(first, f"svc-{first}", percent)
    for name, percent in others:
        found = found.with_version(EndpointVersion(name, f"svc-{name}", percent))
    return found


@pytest.mark.parametrize(
    ("percents", "shares"),
    [
        ({"blue": 20}, {"blue": 100}),
        ({"prod": 30, "test": 10}, {"prod": 90, "test": 10}),  # the remaining 60 go to the default one
        ({"blue": 0, "green": 10}, {"blue": 90, "green": 10}),
        ({"blue": 60, "green": 40}, {"blue": 60, "green": 40}),
        ({"blue": 33.3, "green": 66.7}, {"blue": 33.3, "green": 66.7}),
    ],
)
def test_what_no_version_is_given_goes_to_the_default_one(
    percents: dict[str, float], shares: dict[str, float]
) -> None:
    assert endpoint(**percents).shares == pytest.approx(shares)


def test_the_documents_walk_through() -> None:
    one = endpoint(versiona=20)
    two = one.with_version(EndpointVersion("versionb", "svc-b", 10))
    assert two.shares == {"versiona": 90, "versionb": 10}
    after = two.changed("versionb", traffic_percentile=40, is_default=True)
    assert after.shares == {"versiona": 20, "versionb": 80}
    assert [each.is_default for each in after.versions] == [False, True]
    assert after.without("versiona").shares == {"versionb": 100}


def test_there_is_one_control_and_the_others_are_treatments() -> None:
    found = endpoint(blue=0, green=10).changed("green", version_type=VersionType.CONTROL)
    assert [each.version_type for each in found.versions] == ["Treatment", "Control"]
    assert found.control.name == "green"


@pytest.mark.parametrize("percent", [-1, 101, float("nan")])
def test_a_percentage_is_between_0_and_100(percent: float) -> None:
    with pytest.raises(InvalidConfig, match="traffic_percentile"):
        endpoint(blue=percent)
    with pytest.raises(InvalidConfig, match="shadow_percentile"):
        endpoint(blue=0).changed("blue", shadow_percentile=percent)


def test_more_than_100_together_is_refused_and_names_all() -> None:
    with pytest.raises(InvalidConfig, match=r"'110' is more than 100 .* \(blue 60, green 50\)"):
        endpoint(blue=60, green=50)


def test_the_seventh_version_is_refused() -> None:
    six = endpoint(**{f"version-{number}": 0.0 for number in range(6)})
    with pytest.raises(InvalidConfig, match="one more than the 6 versions"):
        six.with_version(EndpointVersion("seventh", "svc-7"))
    assert len(six.with_version(EndpointVersion("seventh", "svc-7"), limit=7).versions) == 7


@pytest.mark.parametrize("name", ["v1", "Blue", "1st", "green_", "a" * 33, "-green", "green-"])
def test_a_versions_name_has_the_rule_of_services(name: str) -> None:
    with pytest.raises(InvalidConfig, match="version name"):
        endpoint(blue=0).with_version(EndpointVersion(name, "svc"))


def test_a_name_is_taken_once() -> None:
    with pytest.raises(AlreadyExists, match="blue"):
        endpoint(blue=0).with_version(EndpointVersion("blue", "svc"))
    with pytest.raises(NotFound, match="grean"):
        endpoint(blue=0, green=10).version("grean")


def test_the_default_version_stays_and_stays_the_default() -> None:
    found = endpoint(blue=0, green=10)
    with pytest.raises(InvalidConfig, match="Make 'green' the default first"):
        found.without("blue")
    with pytest.raises(InvalidConfig, match="without a default version"):
        found.changed("blue", is_default=False)
    with pytest.raises(InvalidConfig, match="It is the only one"):
        endpoint(blue=0).without("blue")


def test_several_shares_change_together() -> None:
    after = endpoint(blue=90, green=10).with_traffic({"blue": 10, "green": 90})
    assert after.shares == {"blue": 10, "green": 90}
    with pytest.raises(NotFound, match="red"):
        after.with_traffic({"red": 1})


def test_a_record_is_read_back() -> None:
    rollout = Rollout("green", 10, 60, "errors<1%", 1.0, 2.0, {"blue": 100.0, "green": 0.0})
    found = Endpoint(endpoint(blue=0, green=10).versions, "header:x-user", rollout)
    assert Endpoint.of_record(found.to_record()) == found


@pytest.mark.parametrize(
    ("version", "taken", "name"),
    [
        ("blue", [], "shop-blue"),
        ("shop", [], "shop-1"),
        ("blue", ["shop-blue"], "shop-blue-2"),
        ("b" * 32, [], f"shop-{'b' * 27}"),
        ("b" * 32, [f"shop-{'b' * 27}"], f"shop-{'b' * 25}-2"),
    ],
)
def test_a_versions_service_has_a_name_of_its_own(version: str, taken: list[str], name: str) -> None:
    assert service_name("shop", version, taken) == name


@pytest.mark.parametrize(
    ("given", "found"),
    [(None, None), ("client", "client"), ("body", "body"), ("header:X-User-Id", "header:x-user-id")],
)
def test_what_requests_are_kept_by(given: str | None, found: str | None) -> None:
    assert check_sticky_by(given) == found


@pytest.mark.parametrize("given", ["", "cookie", "header:", "header:a b", "header:a\r\nb"])
def test_other_ways_are_refused(given: str) -> None:
    with pytest.raises(InvalidConfig, match="must be client, body or header:NAME"):
        check_sticky_by(given)


@pytest.mark.parametrize(
    ("words", "shares"),
    [(["blue=90", "green=10"], {"blue": 90, "green": 10}), (["blue=33.3%"], {"blue": 33.3})],
)
def test_shares_on_a_line(words: list[str], shares: dict[str, float]) -> None:
    assert read_shares(words) == shares


@pytest.mark.parametrize("word", ["blue", "=3", "blue=", "blue=ten", "blue=1,5"])
def test_what_is_no_share_is_refused(word: str) -> None:
    with pytest.raises(InvalidConfig):
        read_shares([word])
