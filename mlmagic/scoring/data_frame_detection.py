"""What scikit-learn asks of every input is answered once for arrays and lists: whether they are data frames.

From 1.9 on, each call of predict() asks narwhals three times, which looks for attributes that no array has:
most of the time of a small prediction. The answer depends on the type alone, so that for `numpy.ndarray` and
`list` it is found once; for all other types, their subclasses too, the functions are called as before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

_MODULES = ("narwhals.dependencies", "narwhals.stable.v1.dependencies", "narwhals.stable.v2.dependencies")
_QUESTIONS = ("is_into_dataframe", "is_into_series")


def answer_once(modules: Mapping[str, Any] = sys.modules) -> None:
    """Do so where narwhals and NumPy are imported; a second time changes nothing."""
    numpy = modules.get("numpy")
    for name in _MODULES:
        for question in _QUESTIONS:
            asked = getattr(modules.get(name), question, None)
            if numpy is not None and asked is not None and not hasattr(asked, "__wrapped__"):
                setattr(modules[name], question, _with_answers(asked, numpy.empty((0, 0)), []))


def _with_answers(asked: Callable[..., bool], *examples: object) -> Callable[..., bool]:
    answers = {type(each): asked(each) for each in examples}

    @wraps(asked)
    def answered(*given: Any, **named: Any) -> bool:
        if len(given) == 1 and not named and (answer := answers.get(type(given[0]))) is not None:
            return answer
        return asked(*given, **named)

    return answered
