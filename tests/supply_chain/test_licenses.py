"""The licenses of what mlmagic brings: each is allowed, and each package is listed."""

from __future__ import annotations

import sys
from email.message import Message
from importlib.metadata import Distribution

import pytest

from tests.supply_chain.dependencies import Dependencies, closure
from tests.supply_chain.licenses import (
    ALLOWED,
    LIST,
    is_allowed,
    license_of,
    licenses_of,
    listed,
    refused,
    table,
)

pytestmark = pytest.mark.together

MADE_WITH = (3, 11)
"""The oldest Python needs packages that newer ones do not, and the list is made with it."""


class Package(Distribution):
    """One whose metadata is given."""

    def __init__(self, *lines: tuple[str, str]) -> None:
        self._lines = lines

    @property
    def metadata(self) -> Message:  # type: ignore[override]
        message = Message()
        for name, value in self._lines:
            message.add_header(name, value)
        return message

    def read_text(self, filename: str) -> None:
        return None

    def locate_file(self, path: object) -> None:  # type: ignore[override]
        return None


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("", {"a", "b"}),
        ("fast", {"a", "b", "c", "d"}),
        ("all", {"a", "b", "c", "d"}),
        ("loop", {"a", "b", "e"}),
    ],
)
def test_what_an_extra_brings(extra: str, expected: set[str]) -> None:
    requires = {
        "root": [
            "A>=1",
            "nothing; python_version < '3'",
            "C[speed]; extra == 'fast'",
            "root[fast]; extra == 'all'",
            "e; extra == 'loop'",
        ],
        "a": ["b"],
        "b": ["a"],
        "c": ["d; extra == 'speed'", "x; extra == 'other'"],
        "e": ["root"],
    }
    assert closure("root", extra, requires) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([("License-Expression", "MIT"), ("Classifier", "License :: OSI Approved :: BSD License")], "MIT"),
        (
            [("License", "BSD-3-Clause"), ("Classifier", "License :: OSI Approved :: BSD License")],
            "BSD-3-Clause",
        ),
        (
            [("License", "a long\ntext"), ("Classifier", "License :: OSI Approved :: BSD License")],
            "BSD License",
        ),
        ([("Classifier", "License :: A :: X"), ("Classifier", "License :: Y")], "X; Y"),
        ([("License", "Mine")], "Mine"),
        ([("License", "a long\ntext")], ""),
        ([], ""),
    ],
)
def test_how_a_package_declares_its_license(lines: list[tuple[str, str]], expected: str) -> None:
    assert license_of(Package(*lines)) == expected


@pytest.mark.parametrize(
    ("license", "expected"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("MPL-2.0 AND (Apache-2.0 OR GPL-2.0-only)", True),
        ("MPL-2.0 AND (AGPL-3.0-only OR GPL-2.0-only)", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("MIT License", True),
        ("MIT License; GNU General Public License v3 (GPLv3)", False),
        ("Something of our own", False),
        ("", False),
    ],
)
def test_which_licenses_are_allowed(license: str, expected: bool) -> None:
    assert is_allowed(license, ALLOWED) is expected


def test_copyleft_is_told_by_package() -> None:
    found = refused({"psycopg": "LGPL-3.0-only", "other": "LGPL-3.0-only", "silent": ""})
    assert found == ["other: license 'LGPL-3.0-only' is not allowed", "silent: no license is declared"]


def test_all_dependencies_have_a_license_that_is_allowed() -> None:
    assert refused(licenses_of(Dependencies())) == []


def test_all_dependencies_are_listed() -> None:
    dependencies, names = Dependencies(), listed(LIST.read_text(encoding="utf-8"))
    assert dependencies.distributions.keys() - names == set(), "to list them: bash tests/run licenses"
    if sys.version_info[:2] == MADE_WITH:
        assert names - dependencies.distributions.keys() == set(), "bash tests/run licenses"


def test_a_list_says_what_brings_each_package() -> None:
    rows = table(Dependencies()).splitlines()
    assert "| click | BSD-3-Clause | base |" in rows
    assert "| psycopg | LGPL-3.0-only | `postgresql`, `team` |" in rows
    assert not any(row.startswith("| pytest ") for row in rows)
