# ruff: noqa: E501 - one case, one line
"""What cells have set in a library by calling it is set in the service, too, or the script is refused."""

from __future__ import annotations

import decimal
import socket
import sys
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import sklearn

from mlmagic.errors import CaptureError
from tests.support.notebooks import Notebook

pytestmark = pytest.mark.together


def fresh() -> None:
    """What the libraries have in a process of their own."""
    decimal.setcontext(decimal.Context(prec=28))
    np.seterr(divide="warn", over="warn", under="ignore", invalid="warn")
    pd.reset_option("display.precision")
    sklearn.set_config(assume_finite=False)
    socket.setdefaulttimeout(None)
    sys.setrecursionlimit(1000)
    warnings.resetwarnings()


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    with warnings.catch_warnings():
        yield
        fresh()
    sys.setrecursionlimit(limit)


def served(notebook: Notebook, cell: str) -> object:
    script = notebook.capture(cell)
    fresh()
    return notebook.serve(script)


THIRD = "str(decimal.Decimal(1) / 3)"


@pytest.mark.parametrize(
    ("cells", "expression", "expected"),
    [
        (["import numpy as np", "np.seterr(divide='ignore')"], "np.geterr()['divide']", "ignore"),
        (["import numpy as np", "old = np.seterr(all='raise')"], "np.geterr()['divide']", "raise"),
        (["from numpy import seterr, geterr", "seterr(all='raise')"], "geterr()['over']", "raise"),
        (
            ["import pandas as pd", "digits = 2\npd.set_option('display.precision', digits)"],
            "pd.get_option('display.precision')",
            2,
        ),
        (
            [
                "import pandas as pd",
                "pd.set_option('display.precision', 2)",
                "pd.set_option('display.precision', 3)",
            ],
            "pd.get_option('display.precision')",
            3,
        ),
        (
            [
                "import pandas as pd",
                "pd.set_option('display.precision', 2)",
                "pd.reset_option('display.precision')",
            ],
            "pd.get_option('display.precision')",
            6,
        ),
        (["import decimal", "decimal.getcontext().prec = 3"], THIRD, "0.333"),
        (
            ["import decimal\nfrom decimal import getcontext as current", "current().prec = 4"],
            THIRD,
            "0.3333",
        ),
        (
            ["import decimal", "decimal.setcontext(decimal.Context(prec=2, rounding=decimal.ROUND_UP))"],
            THIRD,
            "0.34",
        ),
        (
            ["import decimal\ndef third(): return " + THIRD, "decimal.getcontext().prec = 3"],
            "third()",
            "0.333",
        ),
        (
            ["import sklearn\nfrom sklearn import set_config", "set_config(assume_finite=True)"],
            "sklearn.get_config()['assume_finite']",
            True,
        ),
        (["import socket", "socket.setdefaulttimeout(4.5)"], "socket.getdefaulttimeout()", 4.5),
        (["import warnings", "warnings.simplefilter('error')"], "warnings.filters[0][0]", "error"),
        (["import sys", "sys.setrecursionlimit(4321)"], "sys.getrecursionlimit()", 4321),
        # Known by another name in the script's cell.
        (
            ["import numpy as np", "np.seterr(divide='ignore')"],
            "def init():\n    global n\n    import numpy as n\ndef run(data):\n    return n.geterr()['divide']",
            "ignore",
        ),
        # The script's own is the last word.
        (
            ["import numpy as np", "np.seterr(divide='ignore')"],
            "def init(): np.seterr(divide='raise')\ndef run(data):\n    return np.geterr()['divide']",
            "raise",
        ),
    ],
)
def test_it_is_set_in_the_service(
    notebook: Notebook, cells: list[str], expression: str, expected: object
) -> None:
    notebook.run(*cells)
    assert served(notebook, expression) == expected


@pytest.mark.parametrize(
    "cells",
    [
        ["import numpy as np", "for kind in ('divide', 'over'): np.seterr(**{kind: 'ignore'})"],
        ["import numpy as np", "how = 'ignore'\nnp.seterr(divide=how)", "how = 'raise'"],
        ["import numpy as np", "np.seterr(**(lambda: {'divide': 'ignore'})())"],
        ["import numpy as np, threading", "with threading.Lock(): np.seterr(divide='ignore')"],
    ],
)
def test_what_cannot_be_repeated_is_refused_unless_the_script_sets_it(
    notebook: Notebook, cells: list[str]
) -> None:
    notebook.run(*cells)
    with pytest.raises(CaptureError, match=r"a cell sets numpy\.seterr in a way that") as refused:
        notebook.capture("np.geterr()['divide']")
    assert "Set it in the cell of the script too" in str(refused.value)
    own = "def init(): np.seterr(divide='call')\ndef run(data):\n    return np.geterr()['divide']"
    assert served(notebook, own) == "call"


def test_a_library_that_the_script_does_not_use_is_left_alone(notebook: Notebook) -> None:
    notebook.run("import numpy as np, math", "np.seterr(divide='ignore')", "def f(): np.seterr(over='raise')")
    assert "seterr" not in notebook.capture("math.pi").source
    source = notebook.capture("np.pi").source
    assert source.count("seterr") == 1
