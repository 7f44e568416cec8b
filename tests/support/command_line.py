"""Commands as a shell runs them."""

from __future__ import annotations

import click
from click.testing import CliRunner, Result

from mlmagic import cli as command_line

SCRIPT = "import json\ndef init():\n    print('up')\ndef run(raw):\n    return json.loads(raw)\n"


def exit_code_for(message: str) -> int:
    """The exit code of a refused command: 3 for what is not there, else 2, also for a misspelt key."""
    is_absent = "not found" in message or "NotFound" in message
    return 3 if is_absent and "Key of" not in message and "for local" not in message else 2


def run(*words: str) -> Result:
    """What a command prints, and how it ends."""
    return CliRunner().invoke(command_line.cli, list(words))


def subcommands(group: click.Group) -> dict[str, click.Command]:
    """By name, all that ``group`` has; imports the modules of the lazy ones."""
    context = click.Context(group)
    return {name: group.get_command(context, name) for name in group.list_commands(context)}  # type: ignore[misc]
