"""The result of a compilation: its words, and that it survives JSON."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlmagic.core.compilation import Compilation

COMPILED = Compilation(methods=("predict", "predict_proba"), tolerance=1e-6, rows=1024)
PARTLY = replace(COMPILED, originals=(("transform", "It is slower."),))
REFUSED = Compilation.refused("The converter does not support 'KNeighborsClassifier'.")


@pytest.mark.parametrize("compilation", [COMPILED, PARTLY, REFUSED], ids=["compiled", "partly", "refused"])
def test_it_survives_json(compilation: Compilation) -> None:
    text = compilation.to_json()
    assert "\n" not in text
    assert Compilation.from_json(text) == compilation


@pytest.mark.parametrize(
    ("compilation", "compiled", "words"),
    [
        (
            COMPILED,
            True,
            "Compiled: predict, predict_proba (equal to 1e-06 on 1,024 rows)",
        ),
        (
            PARTLY,
            True,
            "Compiled: predict, predict_proba (equal to 1e-06 on 1,024 rows). "
            "Not compiled: transform. It is slower.",
        ),
        (
            replace(PARTLY, originals=(*PARTLY.originals, ("predict_proba", "It differs."))),
            True,
            "Compiled: predict, predict_proba (equal to 1e-06 on 1,024 rows). "
            "Not compiled: transform. It is slower. Not compiled: predict_proba. It differs.",
        ),
        (REFUSED, False, "Not compiled: The converter does not support 'KNeighborsClassifier'."),
    ],
)
def test_it_reports_what_was_compared_or_why_not(
    compilation: Compilation, compiled: bool, words: str
) -> None:
    assert compilation.is_compiled is compiled
    assert compilation.words == words


def test_keys_of_a_later_version_are_ignored() -> None:
    assert Compilation.from_json('{"reason": "no", "speedup": 15}') == Compilation(reason="no")


def test_a_refusal_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        Compilation.refused("")
