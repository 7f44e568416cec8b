"""Options of every magic: none may be abbreviated, and help texts name magics as people type them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mlmagic.core.arguments import Group
from mlmagic.errors import UsageError
from mlmagic.magics.extension import _GROUPS
from mlmagic.magics.options import parse_line
from mlmagic.magics.session import MLMagic
from tests.support.shells import SCRIPT, TestingShell

METHODS = {
    name: getattr(group, method) if isinstance(method, str) else method
    for group in _GROUPS
    for kind in ("line", "cell")
    for name, method in group.magics[kind].items()
}
PARSED = [name for name in METHODS if name != "score"]  # its data is the rest of the line, whatever it is


def test_each_magic_is_here() -> None:
    assert {"deploy", "update", "profile", "package", "score_script", "events", "environment"} <= set(METHODS)


@pytest.mark.parametrize("magic", PARSED)
def test_abbreviated_options_are_refused(magic: str) -> None:
    parser = METHODS[magic].parser
    known = parser._option_string_actions
    for option in known:
        for length in range(3, len(option)):
            begun = option[:length]
            if begun not in known and begun.startswith("--"):
                for word in (begun, f"{begun}=1"):
                    with pytest.raises(UsageError, match=rf"no option '{begun}'\. Did you mean '--\w"):
                        parse_line(parser, f"some-name {word}", {})


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%deploy svc-a --modle wine", "%deploy has no option '--modle'. Did you mean '--model'?"),
        ("%deploy svc-a --overw", "%deploy has no option '--overw'. Did you mean '--overwrite'?"),
        ("%deploy svc-a -overwrite", "%deploy has no option '-overwrite'. Did you mean '--overwrite'?"),
        ("%deploy svc-a --xyzzy=1", "%deploy has no option '--xyzzy'. %deploy --help lists the options."),
        (
            "%register name {[1, 2]} --tag a=b",
            "%register: unrecognized arguments: {[1, 2]}. Usage: %register",
        ),
        ("%profiles --nothing-like-it", "%profiles has no option '--nothing-like-it'. %profiles --help"),
    ],
)
def test_a_wrong_option_is_one_line(shell: TestingShell, session: MLMagic, line: str, words: str) -> None:
    shell.refuses(line, UsageError, words)


def test_an_abbreviated_overwrite_replaces_nothing(shell: TestingShell, session: MLMagic) -> None:
    shell.run_cell(f"%%score_script svc-a\n{SCRIPT}")
    shell.run_cell("%deploy svc-a")
    before: Any = session.engine.services.get("svc-a")
    shell.refuses("%deploy svc-a --overw", UsageError, "Did you mean '--overwrite'?")
    assert session.engine.services.get("svc-a").id == before.id


@pytest.mark.parametrize("magic", METHODS)
def test_help_names_magics_as_they_are_typed(magic: str) -> None:
    cells = {name for group in _GROUPS for name in group.magics["cell"]}
    lines = {name for group in _GROUPS for name in group.magics["line"]} | {"config"}
    for percents, name in re.findall(r"(%+)([a-z_]+)", METHODS[magic].__doc__):
        assert name in (cells if percents == "%%" else lines | cells), f"{percents}{name}"


MOST_EXAMPLES = {"endpoint": 9}
"""It has an example for each of its actions."""


@pytest.mark.parametrize("magic", METHODS)
def test_help_is_a_usage_a_description_examples_and_groups(magic: str) -> None:
    usage, description, examples, *groups = METHODS[magic].__doc__.rstrip().split("\n\n")
    percents = "%%" if magic in ("score_script", "batch_script") else "%"
    assert usage.startswith(f"usage: {percents}{magic}")
    assert len(description.splitlines()) <= 2
    heading, *lines = examples.splitlines()
    assert heading in ("Example:", "Examples:")
    assert 1 <= len(lines) <= MOST_EXAMPLES.get(magic, 3)
    assert all(re.match(rf"  %+{magic}\b", line) for line in lines)
    assert all(re.match(r"[A-Z][a-z, ]+:\n  ", group) for group in groups)


def test_options_of_a_deploy_are_in_the_groups_of_the_table() -> None:
    titles = re.findall(r"^([A-Z][a-z ]+):$", METHODS["deploy"].__doc__, flags=re.MULTILINE)
    assert titles == ["Examples", "Arguments", *Group]
