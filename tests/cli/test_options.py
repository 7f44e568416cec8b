"""Options of every command: none may be abbreviated, and help texts name magics as people type them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mlmagic import cli as command_line
from tests.support.command_line import run, subcommands

pytestmark = pytest.mark.together


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Each command, with the words that call it."""
    for name, command in subcommands(group).items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


ALL = dict(commands(command_line.cli))
PARSED = [path for path, command in ALL.items() if not command.context_settings.get("ignore_unknown_options")]
MAGICS = ("config", "deploy", "update", "traffic", "profile", "parity", "environment", "register", "score")
CELL_MAGICS = ("score_script", "score")


NOTEBOOK_WORDS = re.compile(r"%%|(?<![\w%])%[a-z]|\w=(True|False)\b|\bmagics?\b|Warning")
EMPTY = [
    *("service list", "model list", "package list", "profile list", "environment list", "events list"),
    *("events list --subscriptions", "events list --follows", "events deliveries", "computetarget list"),
    *("endpoint realtime list", "workspace list", "alert list", "pipeline list"),
]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_no_help_text_speaks_of_notebooks_or_warns(path: tuple[str, ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # click warns of two options with one name
        done = run(*path, "--help")
    assert done.exit_code == 0, done.output
    assert not NOTEBOOK_WORDS.search(done.output)


@pytest.mark.parametrize("line", EMPTY)
def test_no_empty_list_speaks_of_notebooks(folder: Path, line: str) -> None:
    done = run(*line.split())
    assert done.exit_code == 0, done.output
    assert not NOTEBOOK_WORDS.search(done.output)


@pytest.mark.parametrize("path", PARSED, ids=" ".join)
def test_abbreviated_options_are_refused(path: tuple[str, ...]) -> None:
    known = {each for parameter in ALL[path].params for each in (*parameter.opts, *parameter.secondary_opts)}
    for option in known:
        begun = option[:-1]
        if begun.startswith("--") and len(begun) > 2 and begun not in known:
            done = run(*path, begun)
            assert done.exit_code == 2, done.output
            assert re.fullmatch(rf"mlmagic .*no option '{begun}'\. Did you mean '--.*'\?\n", done.stderr)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("model deploy -ic f.json", "mlmagic model deploy has no option '-ic'. Did you mean '--ic'?"),
        ("model deploy -n a -dc f.json", "mlmagic model deploy has no option '-dc'. Did you mean '--dc'?"),
        ("model deploy -n a -ct x", "mlmagic model deploy has no option '-ct'. Did you mean '--ct'?"),
        ("model deploy --modle x", "mlmagic model deploy has no option '--modle'. Did you mean '--model'?"),
        (
            "batch run --script x",
            "mlmagic batch run has no option '--script'. Did you mean '--batch-script'?",
        ),
        ("model deploy --zz", "mlmagic model deploy has no option '--zz'. See mlmagic model deploy --help."),
        ("model deplyo", "mlmagic model has no command 'deplyo'. Did you mean 'deploy'?"),
        ("modle deploy", "mlmagic has no command 'modle'. Did you mean 'model'?"),
        ("model xyz", "mlmagic model has no command 'xyz'. See mlmagic model --help."),
        (
            "service show",
            "mlmagic service show needs -n NAME (its name). See mlmagic service show --help.",
        ),
        (
            "model deploy -m a",
            "mlmagic model deploy needs -n NAME (the service). See mlmagic model deploy --help.",
        ),
        *(
            (
                f"model profile {words}",
                f"mlmagic model profile has no option '{words.split()[0]}'. "
                "Use: mlmagic model update -i NAME:VERSION --add-tag KEY=VALUE",
            )
            for words in ("-i a:1 --add-tag requestedCpu=1", "--model-id a:1", "--add-tag a=b")
        ),
        (
            "service parity -n a --with docker",
            "mlmagic service parity: name either -d FILE or --traffic. See mlmagic service parity --help.",
        ),
    ],
)
def test_a_wrong_line_is_one_line(words: str, message: str) -> None:
    done = run(*words.split())
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"{message}\n")


def test_a_script_served_by_hand_takes_no_abbreviation() -> None:
    assert run("serve", "--entry", "score.py").exit_code == 2


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_names_magics_as_they_are_typed(path: tuple[str, ...]) -> None:
    for percents, name in re.findall(r"(%+)([a-z_]+)", run(*path, "--help").stdout):
        assert name in (CELL_MAGICS if percents == "%%" else (*MAGICS, *CELL_MAGICS)), f"{percents}{name}"


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_has_an_example(path: tuple[str, ...]) -> None:
    lines = [line.strip() for line in (ALL[path].help or "").splitlines()]
    heading = next(place for place, line in enumerate(lines) if line in ("Example:", "Examples:"))
    assert heading <= 6
    examples = [line for line in lines[heading + 1 :] if line]
    assert 1 <= len(examples) <= 3
    assert all("mlmagic " in line for line in examples)


def test_a_decimal_comma_is_refused_with_what_to_write() -> None:
    done = run("model", "profile", "-n", "p", "--entry-script", "score.py", "--rps", "0,5")
    assert done.exit_code != 0
    assert "'0,5' must be a number. Write 0.5, with a point." in done.stderr
    done = run("model", "deploy", "-n", "a-svc", "--entry-script", "score.py", "--memory-gb", "0,5")
    assert "'0,5' must be a number. Write 0.5, with a point." in done.stderr
