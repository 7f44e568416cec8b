"""Commands as a shell runs them."""

from __future__ import annotations

from click.testing import CliRunner, Result

from mlmagic import cli as command_line

SCRIPT = "import json\ndef init():\n    print('up')\ndef run(raw):\n    return json.loads(raw)\n"


def run(*words: str) -> Result:
    """What a command prints, and how it ends."""
    return CliRunner().invoke(command_line.cli, list(words))
