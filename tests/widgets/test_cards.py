"""Cards and listings: all that a service or a model says of itself is text, in HTML and in plain."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmagic.core.events import Event, EventKind
from mlmagic.core.model import Model, ModelDescription, StoredFile
from mlmagic.core.webservice import State
from mlmagic.widgets import cards
from tests.support.cards import FAILED, SERVICE


class Tags(HTMLParser):
    """Which elements some HTML has, and its text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))


@pytest.mark.together
@settings(max_examples=40)
@given(WORDS, WORDS, WORDS, WORDS)
def test_whatever_is_said_is_text(name: str, words: str, traceback: str, note: str) -> None:
    said = replace(FAILED, name=name, words=words, error={"traceback": traceback, "message": words})
    plain = replace(FAILED, name="n", words="w", error={"traceback": "t", "message": "w"})
    shown, usual = (
        Tags(cards.service_card(said, [note]).markup),
        Tags(cards.service_card(plain, ["x"]).markup),
    )
    if words and traceback.strip():
        assert shown.tags == usual.tags
    for text in (name, words, note, traceback.rstrip()):
        assert text in shown.text


def test_a_healthy_card() -> None:
    bundle = cards.service_card(SERVICE, ["Serving script wine."])._repr_mimebundle_()
    assert bundle["text/plain"] == (
        "wine: Healthy at http://127.0.0.1:5001/score with wine:1 (local, revision 2)\n  Serving script wine."
    )
    assert ">http://127.0.0.1:5001/score</code>" in bundle["text/html"]
    assert 'href="http://127.0.0.1:5001/docs"' in bundle["text/html"]
    assert 'href="http://127.0.0.1:5001/score"' not in bundle["text/html"]  # a GET would fail
    assert "Status" not in bundle["text/html"]


def test_a_failed_card_quotes_the_script_by_its_own_name() -> None:
    card = cards.service_card(FAILED)
    assert 'File "sub/score.py", line 3' in card.text
    assert 'File "/usr/lib/x.py"' in card.text
    assert "services/abc" not in card.markup
    assert "ZeroDivisionError: by zero" in card.markup
    assert "href" not in card.markup
    assert repr(card) == card.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"words": "answers"}, ""),
        ({"state": State.TRANSITIONING, "words": "running init()"}, "running init()"),
        ({"words": "revision 3 failed; 2 keeps serving", "error": {"message": "x"}}, "revision 3 failed"),
        ({"state": State.FAILED, "words": "no room", "error": {"message": "no room"}}, "no room"),
    ],
)
def test_a_state_that_needs_words_has_them(changes: dict[str, Any], said: str) -> None:
    shown = cards.status(replace(SERVICE, **changes))
    assert shown.startswith(said)
    assert bool(shown) == bool(said)


def test_what_is_gone_is_said_to_be() -> None:
    assert "was deleted" in cards.gone_card(SERVICE).text
    assert "&lt;b&gt;" in cards.gone_card(replace(SERVICE, name="<b>")).markup


def test_listings_are_lists_and_tables() -> None:
    model = Model(
        ModelDescription("<b>"[1], tags={"<i>": "&"}), 1, (StoredFile("a", "0", 1500),), created_time=0.0
    )
    models = cards.models_listing([model], lambda one: one, lambda one: ["wine"])  # type: ignore[arg-type,return-value]
    assert (len(models), models[0], list(models), models[:1]) == (1, model, [model], [model])
    assert "&lt;i&gt;=&amp;" in models._repr_html_()
    assert "<i>=&" in repr(models)
    assert "1.5 kB" in repr(models)
    services = cards.services_listing([SERVICE, FAILED], lambda one: one, "m")  # type: ignore[arg-type,return-value]
    assert "2 services" in services._repr_html_()
    assert "Failed" in repr(services)
    for empty in (
        cards.models_listing([], lambda one: one, lambda one: []),  # type: ignore[arg-type,return-value]
        cards.services_listing([], lambda one: one, "m"),  # type: ignore[arg-type,return-value]
    ):
        assert repr(empty).startswith("No ")
        assert repr(empty) in empty._repr_html_()


def test_an_event_in_a_line() -> None:
    line = cards.event_line(Event(1, 0.0, EventKind.ENDED, "services/a", "killed"))
    assert line.endswith("Ended: killed")


def test_a_team_sees_which_machine_runs_a_service_and_whether_it_can_be_called_from_here() -> None:
    away = replace(SERVICE, name="away", machine="other-1", url="http://127.0.0.1:5001")
    open_to_all = replace(away, name="open", url="http://10.0.0.7:5001")
    here = replace(SERVICE, name="here", machine="m")
    listing = cards.services_listing([away, open_to_all, here], lambda one: one, "m")  # type: ignore[arg-type,return-value]
    heading, *rows = repr(listing).splitlines()
    assert heading.endswith("Machine")
    assert [row.split("  ")[-1].strip() for row in rows] == [
        "other-1, callable there only",
        "other-1",
        "this one",
    ]
    alone = cards.services_listing([here], lambda one: one, "m")  # type: ignore[arg-type,return-value]
    assert "Machine" not in repr(alone)
