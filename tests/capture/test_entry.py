from __future__ import annotations

import pytest

from mlmagic.capture.entry import read_cell, validate
from mlmagic.errors import CaptureError

GOOD = "def init(): ...\ndef run(data): ...\n"


@pytest.mark.parametrize(
    "source",
    [
        "class Model:\n    def init(self): pass\n    def run(self, data): pass",
        GOOD,
        "async def init(): ...\nasync def run(data): ...",
        "init = run = lambda *a: None",
        "from impl import init, run",
        "from impl import *",
        "if True:\n    def init(): ...\n    def run(data): ...",
        "def init(): ...\ndef run(*args): ...",
        "def init(): ...\ndef run(**columns): ...",
    ],
)
def test_what_is_an_entry_script(source: str) -> None:
    validate(source, "score.py")


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("def init(): ...\ndef runn(data): ...", 0, "cell does not define run() (did you mean 'runn'?)"),
        ("def run(data): ...", 0, "does not define init(). An entry"),
        ("x = 1", 0, "does not define init() and run()"),
        ("def init(): ...\ndef run(): ...", 2, "run() (line 2) takes no arguments"),
        ("x = (1,\ndef init(): ...", 1, "not valid Python: '(' was never closed: x = (1,"),
        ("import os\n%matplotlib inline\n" + GOOD, 2, "is a magic, which works only in a notebook: %mat"),
        ("def init():\n    !pip install x\n", 2, "line 2 of the cell is a shell escape"),
        ("files = !ls\n" + GOOD, 1, "is a shell escape"),
        (GOOD + "model?\n", 3, "is a help request"),
        ("return 1\n" + GOOD, 1, "'return' outside function"),
        ("x = '\0'", 1, "null bytes"),
        ("class A:\n    init = run = 1", 0, "does not define init() and run()"),
    ],
)  # fmt: skip
def test_what_is_none_says_so_with_its_line(source: str, line: int, words: str) -> None:
    with pytest.raises(CaptureError) as caught:
        read_cell(source)
    assert words in str(caught.value)
    assert caught.value.line == line
    assert "\n" not in str(caught.value)


def test_lines_count_from_where_the_caller_says() -> None:
    with pytest.raises(CaptureError, match="line 3 of the cell") as caught:
        read_cell("x = 1\n%time\n", first_line=2)
    assert caught.value.line == 3


def test_a_file_is_called_by_its_name() -> None:
    with pytest.raises(CaptureError, match=r"line 2 of src/score\.py is not valid Python"):
        validate("x = 1\ndef (:\n", "src/score.py")
    with pytest.raises(CaptureError, match=r"src/score\.py does not define run\(\)"):
        validate("def init(): ...", "src/score.py")
