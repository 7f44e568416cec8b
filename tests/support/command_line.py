"""Commands as a shell runs them."""

from __future__ import annotations

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
