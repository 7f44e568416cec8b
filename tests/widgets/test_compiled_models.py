"""What compiling a model gave, on cards and in tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlmagic.core.compilation import Compilation
from mlmagic.core.model import CompiledFile, Model, ModelDescription
from mlmagic.widgets import cards
from mlmagic.widgets.models_grid.live_models import details
from mlmagic.widgets.service_card import state
from tests.support.cards import ESCAPED, HOSTILE, SERVICE

EQUAL = "Compiled: predict (equal to 1e-12 on 2,000 rows)"
DONE = CompiledFile("wine.pkl", "k", Compilation("", ("predict",), 1e-12, 2000))
REFUSED = CompiledFile("odd.pkl", "k", Compilation.refused(HOSTILE))


def model(*compiled: CompiledFile) -> Model:
    return Model(ModelDescription("wine"), 1, (), 0.0, compiled)


def test_the_cards_of_a_service_have_a_line_for_each_file() -> None:
    service = replace(SERVICE, compiled={"wine:1": (DONE, REFUSED)})
    lines = [f"wine.pkl: {EQUAL}", f"odd.pkl: Not compiled: {HOSTILE}"]
    card = cards.service_card(service)
    assert card.text.splitlines()[1:] == [f"  {line}" for line in lines]
    assert ESCAPED in card.markup
    assert HOSTILE not in card.markup
    assert [text for term, text in state.details(service) if term == "Compilation"] == lines
    assert "Compilation" not in dict(state.details(SERVICE))


@pytest.mark.parametrize(
    ("compiled", "words"),
    [((DONE,), EQUAL), ((DONE, REFUSED), f"wine.pkl: {EQUAL}; odd.pkl: Not compiled: {HOSTILE}")],
)
def test_the_details_of_a_model_have_it(compiled: tuple[CompiledFile, ...], words: str) -> None:
    assert ["Compilation", words] in details(model(*compiled))["pairs"]


def test_the_table_has_a_column_for_it_if_any_model_was_compiled() -> None:
    def table(*models: Model) -> list[str]:
        listing = cards.models_listing(models, lambda each: each, lambda each: [])  # type: ignore[arg-type, return-value]
        return repr(listing).splitlines()

    assert "Compilation" not in table(model())[0]
    found = table(model(), model(DONE))
    assert found[0].endswith("Compilation")
    assert found[-1].endswith(EQUAL)
