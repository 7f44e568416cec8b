"""The options of ``az ml`` of Azure ML v1: each of them is one of our command of the same name.

az_ml_options.json lists them as the reference of the azure-cli-ml extension does.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from mlmagic.cli import cli
from mlmagic.cli.az_options import AZ_NAMES
from mlmagic.cli.common_options import as_flags
from mlmagic.cli.model_deployment import deploy_model
from mlmagic.core.arguments import ARGUMENTS
from tests.support.command_line import subcommands

OF_AZ: dict[str, str] = json.loads((Path(__file__).parent / "az_ml_options.json").read_text())
OF_ALL = "--debug --verbose --help -h --only-show-errors --output -o --query --subscription --subscription-id"
ABSENT = {"service update": {"--compute-target", "--is-migration"}}
"""They move a service to another cluster of Azure, which an update does not do here."""


def commands(group: click.Group, *path: str) -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in subcommands(group).items():
        if isinstance(command, click.Group):
            found |= commands(command, *path, name)
        else:
            found[" ".join((*path, name))] = command
    return found


OURS = commands(cli)


def names_of(command: click.Command) -> set[str]:
    context = click.Context(command, help_option_names=["-h", "--help"])
    return {name for option in command.get_params(context) for name in (*option.opts, *option.secondary_opts)}


@pytest.mark.parametrize("command", OF_AZ)
def test_each_option_of_az_ml_is_known(command: str) -> None:
    assert set(OF_AZ[command].split()) - names_of(OURS[command]) == ABSENT.get(command, set())


@pytest.mark.parametrize("command", sorted(OURS.keys() - {"serve", "demo", "completion"}))
def test_each_command_has_the_options_of_all_commands(command: str) -> None:
    assert set(OF_ALL.split()) - names_of(OURS[command]) == set()


def test_the_names_are_of_arguments_and_of_one_each() -> None:
    assert AZ_NAMES.keys() <= ARGUMENTS.keys()
    names = [name for option in deploy_model.params for name in option.opts]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("--auth-enabled true --cc 1", "--auth-enabled --cc 1"),
        ("--ae false", "--no-auth"),
        ("--auth-enabled=False -n x", "--no-auth -n x"),
        ("--auth -n true", "--auth -n true"),
        ("--description true", "--description true"),
        ("--auth", "--auth"),
    ],
)
def test_a_flag_of_az_has_a_value(line: str, written: str) -> None:
    assert as_flags(deploy_model.params, line.split()) == written.split()
