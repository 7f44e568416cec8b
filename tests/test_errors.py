"""The tree in the docstring is the tree in the code; every message says what to do."""

from __future__ import annotations

import inspect
import re

from mlmagic import errors
from mlmagic.errors import InvokeError, MLMagicError, NotFound, ScriptError


def test_the_drawn_tree_is_the_real_one() -> None:
    drawn = set(re.findall(r"^[│ ]*(?:[├└]─ )?([A-Z]\w+) ", errors.__doc__ or "", re.MULTILINE))
    real = {
        name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, MLMagicError)
    }
    assert drawn - {"All"} == real


def test_not_found_names_the_nearest() -> None:
    assert str(NotFound("model", "diabtes", ["diabetes", "wine"])) == (
        "Model not found: 'diabtes'. Did you mean 'diabetes'?"
    )
    assert (
        str(NotFound("model", "x", ["diabetes", "wine"]))
        == "Model not found: 'x'. Available: diabetes, wine."
    )
    assert str(NotFound("model", "x")) == "Model not found: 'x'. No model exists yet."


def test_a_cell_shows_the_message_and_none_of_our_frames() -> None:
    assert NotFound("model", "x")._render_traceback_() == [
        "NotFound: Model not found: 'x'. No model exists yet."
    ]


def test_the_scripts_traceback_follows_the_message() -> None:
    error = ScriptError.from_record(
        {"phase": "init", "type": "KeyError", "message": "'a'", "traceback": "File score.py, line 3"}
    )
    assert str(error) == "the script failed in init(): KeyError: 'a'\n\nFile score.py, line 3"


def test_the_body_of_an_answer_is_never_dropped() -> None:
    assert "the whole body" in str(InvokeError("svc", 502, "the whole body"))
