"""What comes from elsewhere is shown as text, and steers nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmagic.cli.output import echo, show
from mlmagic.errors import InvokeError
from mlmagic.visible_text import visible
from mlmagic.widgets import html
from mlmagic.widgets.cards import Card, Listing

HOSTILE = "a\x1b[2Jb\u202ec"
SHOWN = r"a\x1b[2Jb\u202ec"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Grüße, 世界 \U0001f600", "plain, Grüße, 世界 \U0001f600"),
        ("a\tb\n", "a\tb\n"),
        (HOSTILE, SHOWN),
        ("\x00\x07\x08\x0b\x0c\r\x1f", r"\x00\x07\x08\x0b\x0c\x0d\x1f"),
        ("\x7f\x80\x9b\x9f\xa0", "\\x7f\\x80\\x9b\\x9f\xa0"),
        ("\u061c\u200e\u200f", r"\u061c\u200e\u200f"),
        ("\u202a\u202b\u202c\u202d\u202e", r"\u202a\u202b\u202c\u202d\u202e"),
        ("\u2066\u2067\u2068\u2069", r"\u2066\u2067\u2068\u2069"),
        ("\u200d\u2065\u206a", "\u200d\u2065\u206a"),
        ("", ""),
    ],
)
def test_controls_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_else_changes(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    if text.isprintable():
        assert visible(text) == text


def test_cards_and_tables_show_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert html.escape(f"<{HOSTILE}>") == f"&lt;{SHOWN}&gt;"
    assert SHOWN in html.pre(HOSTILE)
    assert SHOWN in html.told(HOSTILE)
    assert html.link(f"http://x/{HOSTILE}", HOSTILE).count(SHOWN) == 2
    assert SHOWN in html.address(f"http://x/{HOSTILE}")
    table = Listing([1], ["Head"], [[HOSTILE]], "caption")
    assert SHOWN in repr(table)
    assert SHOWN in table._repr_html_()
    assert repr(Listing([], [], [], HOSTILE)) == SHOWN
    assert Card("", HOSTILE)._repr_mimebundle_()["text/plain"] == SHOWN


def test_the_error_of_a_service_shows_them() -> None:
    error = InvokeError("svc", 500, HOSTILE, traceback=f"Traceback\n{HOSTILE}")
    assert error._render_traceback_()[0].count(SHOWN) == 2
    assert error.body == HOSTILE  # for programs, as it came


def test_the_command_line_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    echo(HOSTILE)
    show([{"a": HOSTILE}], "table")
    show([{"a": HOSTILE}], "tsv")
    show([{"a": f"{HOSTILE}\x7f"}], "json")
    printed = capsys.readouterr().out
    assert printed.count(SHOWN) == 3
    assert r'"a\u001b[2Jb\u202ec\u007f"' in printed
    assert visible(printed) == printed
