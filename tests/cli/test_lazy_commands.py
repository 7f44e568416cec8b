"""A module of commands is imported when one of its commands is used."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from mlmagic.cli import cli
from tests.support.command_line import run, subcommands

pytestmark = pytest.mark.together


def _groups(group: click.Group) -> Iterator[click.Group]:
    yield group
    for command in subcommands(group).values():
        if isinstance(command, click.Group):
            yield from _groups(command)


@pytest.mark.parametrize("group", list(_groups(cli)), ids=lambda group: group.name)
def test_each_command_is_listed_by_its_own_name(group: click.Group) -> None:
    names = {name: command.name for name, command in subcommands(group).items()}
    names.pop("get-logs", None)  # another name of service logs
    names.pop("delete", None)  # of a compute target, another name of detach
    assert names == {name: name for name in names}


def test_a_name_that_is_near_a_lazy_command_is_suggested() -> None:
    done = run("servic", "list")
    assert done.exit_code == 2
    assert "Did you mean 'service'?" in done.output
