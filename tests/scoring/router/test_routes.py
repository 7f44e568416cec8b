"""What the routes file may contain, and in which words the rest is refused."""

from __future__ import annotations

import json
import re

import pytest

from mlmagic.scoring.router.routes import TIMEOUT_S, InvalidRoutes, Route, Routes

BLUE = {"name": "blue", "url": "http://127.0.0.1:5001", "percent": 100}
GOOD = {"default": "blue", "versions": [BLUE]}


def with_version(**changes: object) -> dict[str, object]:
    return {**GOOD, "versions": [{**BLUE, **changes}]}


def test_a_full_file(tmp_path) -> None:
    green = {"name": "green", "url": "http://[::1]:80", "percent": 33.3, "shadow_percent": 5}
    more = {"credential": "secret", "timeout_s": 2.5}
    record = {"default": "green", "sticky_by": "header:x-user-id"}
    path = tmp_path / "routes.json"
    path.write_text(json.dumps({**record, "versions": [{**BLUE, "percent": 66.7}, {**green, **more}]}))
    routes = Routes.read(path)
    assert routes.default == "green"
    assert routes.sticky_by == "header:x-user-id"
    assert routes.versions == (
        Route("blue", "http://127.0.0.1:5001", 66.7, 0.0, None, TIMEOUT_S),
        Route("green", "http://[::1]:80", 33.3, 5.0, "secret", 2.5),
    )
    assert "secret" not in repr(routes)


@pytest.mark.parametrize(
    ("url", "address", "host", "path"),
    [
        (None, None, "", ""),
        ("http://127.0.0.1:5001", ("127.0.0.1", 5001), "127.0.0.1:5001", ""),
        ("http://blue", ("blue", 80), "blue", ""),
        ("http://blue.test:80/", ("blue.test", 80), "blue.test:80", ""),
        ("http://[::1]:5001", ("::1", 5001), "[::1]:5001", ""),
        ("http://blue.test/default/blue", ("blue.test", 80), "blue.test", "/default/blue"),
        ("http://[::1]:5001/a/b/", ("::1", 5001), "[::1]:5001", "/a/b"),
    ],
)
def test_where_a_version_is(url, address, host, path) -> None:
    (route,) = Routes.of_record(with_version(url=url)).versions
    assert (route.address, route.host, route.path) == (address, host, path)


def test_a_version_may_expect_another_host_header() -> None:
    (route,) = Routes.of_record(with_version(host_header="127.0.0.1:32768")).versions
    assert (route.address, route.host) == (("127.0.0.1", 5001), "127.0.0.1:32768")


@pytest.mark.parametrize("sticky_by", [None, "client", "body", "header:x-user-id"])
def test_what_requests_are_kept_by(sticky_by) -> None:
    assert Routes.of_record({**GOOD, "sticky_by": sticky_by}).sticky_by == sticky_by


TWICE = {"default": "blue", "versions": [{**BLUE, "percent": 50}, {**BLUE, "percent": 50}]}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ([], "list indices must be integers"),
        ({"default": "blue"}, "'versions' is missing"),
        ({"versions": [BLUE]}, "'default' is missing"),
        ({"default": "blue", "versions": [{"name": "blue"}]}, "'percent' is missing"),
        ({"default": "blue", "versions": []}, "there are no versions"),
        ({"default": "red", "versions": [BLUE]}, "the default version 'red' is not among blue"),
        (TWICE, "versions have the same name: blue, blue"),
        (with_version(percent=99.9), "the shares must add up to 100"),
        (with_version(percent=101), "the shares must add up to 100"),
        (with_version(percent=float("nan")), "the shares must add up to 100"),
        (with_version(percent="many"), "could not convert string to float: 'many'"),
        (
            {"default": "blue", "versions": [{**BLUE, "percent": 110}, {"name": "red", "percent": -10}]},
            "percent of 'blue' is 110: it must be from 0 to 100",
        ),
        (with_version(shadow_percent=-1), "shadow_percent of 'blue' is -1: it must be from 0 to 100"),
        (with_version(shadow_percent=float("nan")), "shadow_percent of 'blue' is nan"),
        (with_version(timeout_s=0), "timeout_s of 'blue' is 0: it must be above 0"),
        (with_version(timeout_s=float("inf")), "timeout_s of 'blue' is inf: it must be above 0"),
        (
            with_version(url="https://a:1"),
            "the URL of 'blue' does not look like http://HOST:PORT/PATH: 'https://a:1'",
        ),
        (with_version(url="http://a:0"), "does not look like http://HOST:PORT"),
        (with_version(url="http://a:99999"), "Port out of range"),
        (with_version(url="http://a/b?c"), "does not look like http://HOST:PORT"),
        (with_version(url="http://a//b"), "does not look like http://HOST:PORT"),
        (with_version(url="http://a/b c"), "does not look like http://HOST:PORT"),
        (with_version(url="http://a\r\nX: y"), "does not look like http://HOST:PORT"),
        (with_version(url=5001), "the URL of 'blue' does not look like http://HOST:PORT/PATH: 5001"),
        (with_version(credential="a\r\nX: y"), "the credential of 'blue' must be text of visible ASCII"),
        (with_version(credential=5), "the credential of 'blue' must be text of visible ASCII"),
        (with_version(host_header="a\r\nX: y"), "host_header of 'blue' does not look like HOST:PORT"),
        (with_version(host_header=5001), "host_header of 'blue' does not look like HOST:PORT: 5001"),
        ({**GOOD, "sticky_by": "mood"}, "sticky_by is 'mood': it must be client, body or header:NAME"),
        ({**GOOD, "sticky_by": "header:X-User"}, "it must be client, body or header:NAME"),
        ({**GOOD, "sticky_by": "header:"}, "it must be client, body or header:NAME"),
        ({**GOOD, "sticky_by": 1}, "sticky_by is 1: it must be client, body or header:NAME"),
        (
            {"default": "a b", "versions": [{**BLUE, "name": "a b"}]},
            "the version name 'a b' is not made of letters",
        ),
        (
            {"default": "é", "versions": [{**BLUE, "name": "é"}]},
            "the version name 'é' is not made of letters",
        ),
    ],
)
def test_what_is_refused(tmp_path, record, words) -> None:
    path = tmp_path / "routes.json"
    path.write_text(json.dumps(record))
    with pytest.raises(InvalidRoutes, match=f"routes file {re.escape(str(path))}: .*{re.escape(words)}"):
        Routes.read(path)


def test_a_credential_that_is_refused_is_not_shown(tmp_path) -> None:
    path = tmp_path / "routes.json"
    path.write_text(json.dumps(with_version(credential="sesame open")))
    with pytest.raises(InvalidRoutes) as refused:
        Routes.read(path)
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"), [("{", "is not JSON"), ("", "is not JSON"), (None, ": No such file or directory")]
)
def test_a_file_that_cannot_be_read(tmp_path, text, words) -> None:
    path = tmp_path / "routes.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidRoutes, match=f"routes file {re.escape(str(path))}.*{words}"):
        Routes.read(path)
