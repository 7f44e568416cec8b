"""The small pieces: escaped, readable, and right in a hub."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmagic.core.webservice import State
from mlmagic.widgets import html


@pytest.mark.parametrize(
    ("url", "prefix", "way"),
    [
        ("http://127.0.0.1:5001/score", None, "http://127.0.0.1:5001/score"),
        ("http://127.0.0.1:5001/score", "", "http://127.0.0.1:5001/score"),
        ("http://127.0.0.1:5001/score", "/user/me/", "/user/me/proxy/5001/score"),
        ("http://localhost:5001/score", "/user/a-b@c", "/user/a-b@c/proxy/5001/score"),
        ("https://example.org/score", "/user/me/", "https://example.org/score"),
        ("http://10.0.0.1:80/score", "/user/me/", "http://10.0.0.1:80/score"),
    ],
)
def test_links_go_through_the_hubs_proxy(url: str, prefix: str | None, way: str) -> None:
    environ = {} if prefix is None else {"JUPYTERHUB_SERVICE_PREFIX": prefix}
    assert html.browser_url(url, environ) == way


def test_a_link_opens_what_the_browser_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/me/")
    shown = html.link("http://127.0.0.1:5001/docs", "API docs")
    assert 'href="/user/me/proxy/5001/docs"' in shown
    assert ">API docs</a>" in shown


@settings(max_examples=40)
@given(st.text())
def test_text_is_text(text: str) -> None:
    for shown in (html.pre(text), html.table([text], [], text), html.address(text), html.link("x", text)):
        assert "<b" not in shown.replace("<body", "")
        assert shown.count("<script") == 0
        assert text.count("<") <= shown.count("&lt;")


def test_a_state_is_also_a_word_and_a_mark() -> None:
    badges = {html.state_badge(state) for state in State}
    assert len(badges) == len(State)
    assert all(state in html.state_badge(state) for state in State)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1234, "1.23 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_999, "1 MB"),
        (123_456_789, "123 MB"),
        (5_000_000_000, "5 GB"),
        (7 * 10**15, "7000 TB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert html.size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "just now"),
        (4, "just now"),
        (5, "5 s ago"),
        (60, "1 min ago"),
        (7300, "2 h ago"),
        (90000, "1 d ago"),
    ],
)
def test_times(seconds: float, text: str) -> None:
    assert html.ago(1000, now=1000 + seconds) == text


def test_plain_tables_are_in_columns() -> None:
    assert html.plain_table(["A", "Bcd"], [["xyz", "1"], ["", "22"]]) == "A    Bcd\nxyz  1\n     22"
