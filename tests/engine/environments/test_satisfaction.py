"""Whether what is installed is what is asked for."""

from __future__ import annotations

import re

import pytest

from mlmagic.engine.environments.satisfaction import check, conflict, misspelt, pins, unmet
from mlmagic.errors import InvalidConfigs

THERE = {"numpy": "2.2.1", "six": "1.16.0", "torch": "2.1.0+cu118", "pre": "1.0rc1"}


@pytest.mark.parametrize(
    ("line", "met"),
    [
        ("numpy", True),
        ("numpy==2.2.*", True),
        ("numpy>=2,<3", True),
        ("numpy<2", False),
        ("torch==2.1.0", True),
        ("pre>=0.9", True),
        ("idna", False),
        ("idna; python_version < '3'", True),
        ("six[extra]", False),
        ("six @ https://example.org/six.whl", False),
        ("./six.whl", False),
    ],
)
def test_met(line: str, met: bool) -> None:
    assert (unmet([line], THERE.get) == []) == met


def test_pins() -> None:
    lines = ["Scikit_Learn==1.9.1", "numpy>=2", "six==1.16.*", "torch==2.1.0", "./x.whl"]
    assert pins(lines) == {"scikit-learn": "1.9.1", "torch": "2.1.0"}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["orjson==3.0"], "orjson==3.0 (requested) and orjson>=3.9 (the scoring server)"),
        (["six==1.16.0", "Six<1.10"], "six==1.16.0 (requested) and Six<1.10 (requested)"),
        (["orjson==3.10.0", "six>=1", "six<3"], ""),
        (["six==1.16.0; python_version < '3'", "six==1.17.0"], ""),
    ],
)
def test_what_excludes_each_other_at_first_sight(lines: list[str], told: str) -> None:
    sides = conflict(lines, ["orjson>=3.9"])
    assert (" and ".join(map(str, sides)) if sides else "") == told


def test_what_nobody_can_read() -> None:
    assert list(misspelt(["six", "six=1.2", "idna[", "./x.whl", "x @ https://a/b.whl"])) == [
        "six=1.2",
        "idna[",
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("scikit learn=1.0", "Did you mean 'scikit-learn==1.0'?"),
        ("six=1.17", "Did you mean 'six==1.17'?"),
        ("scikit learn", "Did you mean 'scikit-learn'?"),
        ("idna[", "such as six or six==1.17.0"),
    ],
)
def test_a_requirement_that_pip_cannot_parse_says_what_was_meant(written: str, meant: str) -> None:
    with pytest.raises(InvalidConfigs, match=re.escape(meant)):
        check("environment 'mine'", [written])
