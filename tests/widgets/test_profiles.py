"""The card of a profile, its picture, and the rows of several."""

from __future__ import annotations

import re

import pytest

from mlmagic.core.profile import Failure, Goal, ProfileState, Sample, SizeResult
from mlmagic.core.sizing import recommend
from mlmagic.engine.profiles.profiles import Progress
from mlmagic.widgets import charts
from mlmagic.widgets.profiles import profile_card, profiles_listing, progress_card
from tests.support.profiles import profile, size

SAMPLES = tuple(Sample(at / 10, 0.4, 0.1, 0.0) for at in range(20))


@pytest.fixture
def _no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of a card is the same without matplotlib, and quicker."""
    monkeypatch.setattr(charts, "can_draw", lambda: False)


@pytest.mark.usefixtures("_no_picture")
def test_the_card_says_which_size_to_take_and_why() -> None:
    card = profile_card(profile())
    assert "1 core and 0.4 GB recommended: the cheapest size that meets p99 within 20 ms" in card.text
    lines = card.text.splitlines()
    assert lines[2].split()[:3] == ["Cores", "GB", "Requests/s"]
    assert re.split("  +", lines[3])[:5] == ["0.5", "1", "100 (99 to 101)", "13.3 (from 12)", "40 (from 36)"]
    assert lines[5].split()[-1] == "no"


@pytest.mark.together  # matplotlib is a large library
def test_the_picture_has_its_finding_as_alt_text() -> None:
    found = re.search(r'<img alt="([^"]+)".*src="data:image/png;base64,iVBOR', profile_card(profile()).markup)
    assert found is not None
    assert "handles up to 250 requests per second" in found[1]
    assert "the 99th percentile is 15 ms" in found[1]


@pytest.mark.together  # matplotlib is a large library
def test_every_kind_of_profile_can_be_drawn() -> None:
    one = size(1, 5, 3, samples=SAMPLES)
    for sizes in ((one,), (one, SizeResult(2, 1, error="no")), ()):
        made = profile(sizes=sizes, recommendation=recommend(sizes, Goal()))
        assert charts.profile_png(made).startswith(b"\x89PNG")
        assert charts.alt_text(made)


@pytest.mark.usefixtures("_no_picture")
def test_a_failure_is_shown_as_text() -> None:
    failing = size(1, 5, 3, failures=(Failure(500, "<script>alert(1)</script>", 3, 7),))
    made = profile(sizes=(failing,), state=ProfileState.FAILED, error="<b>no</b>", recommendation=None)
    card = profile_card(made)
    assert "<script>" not in card.markup
    assert "<b>" not in card.markup
    assert "row 7 returned status 500: <script>" in card.text
    assert "Failed. <b>no</b>" in card.text


@pytest.mark.usefixtures("_no_picture")
def test_a_client_that_was_the_limit_is_told() -> None:
    from dataclasses import replace

    busy = size(1, 5, 3)
    busy = replace(busy, loads=(replace(busy.loads[0], client_cores=0.97),))
    assert "The load generator used a full CPU core" in profile_card(profile(sizes=(busy,))).text


@pytest.mark.parametrize(("left", "words"), [(12.4, ", about 12 s left"), (0.2, "")])
def test_progress_is_told_in_words_too(left: float, words: str) -> None:
    card = progress_card(Progress("1 client", 0.25, left), profile())
    assert card.text == f"p: 25 %, 1 client{words}"
    assert '<progress max="100" value="25" aria-label="Profile p">' in card.markup


def test_profiles_stand_beside_each_other() -> None:
    found = profiles_listing([profile(), profile(models=("m:2",))], ["one", "two"])
    assert list(found) == ["one", "two"]
    assert "m:1" in repr(found)
    assert "m:2" in repr(found)
    assert repr(profiles_listing([], [])) == "No profiles. Create one with: %profile MODEL -d DATASET"
