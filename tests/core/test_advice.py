"""What to do about an error, as a magic, a command and the SDK write it; nothing is written past it."""

from __future__ import annotations

import ast
import copy
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import mlmagic
from mlmagic.cli import cli
from mlmagic.core import advice
from mlmagic.core.arguments import OPTIONS
from mlmagic.errors import Advice, Front, InvalidConfig, InvalidConfigs, UsageError, Way, written_for
from mlmagic.magics.extension import _GROUPS
from mlmagic.sdk.exceptions import WebserviceException, raised_as
from tests.support.command_line import subcommands

ROOMS = ("engine", "core", "targets", "workspace", "sdk")
OF_PIP = "For example --index-url URL."
LITERAL = re.compile(r"(?<![\w'-])--?[a-z][\w-]*|(?<![\w%])%%?[a-z_]+")
"""An option or a magic in a text."""
VALUES = {bool: True, dict: "KEY=VALUE"}
WAYS = {
    **{name: advice.argument(name) for name in advice.OTHER_ARGUMENTS},
    **{row.name: advice.argument(row.name, VALUES.get(row.kind, 1)) for row in OPTIONS},
    "no auth": advice.argument("auth_enabled", False),
    "update": advice.update("svc"),
    "update with arguments": advice.update("svc", auth_enabled=True, recorded_requests=1000),
    "delete": advice.delete("svc"),
    "start": advice.start("svc"),
    "revisions": advice.revisions("svc"),
    "logs": advice.logs("svc"),
    "state": advice.state("svc"),
    "local": advice.target("local"),
    "docker": advice.target("docker"),
    "script": advice.script(),
    "compute": advice.compute("aci", "local"),
    "unsubscribe": advice.unsubscribe("chat"),
    "rollback": advice.rollback("svc"),
    **{f"first {kind}": way for kind, way in advice.FIRST.items()},
}
MAGICS = {name for group in _GROUPS for kind in group.magics.values() for name in kind} | {"config"}
MAGIC_OPTIONS = {
    option
    for group in _GROUPS
    for method in vars(group).values()
    for option in getattr(getattr(method, "parser", None), "_option_string_actions", ())
}


def command_options(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    if isinstance(command, click.Group):
        for inner in subcommands(command).values():
            yield from command_options(inner)


def command_named(words: list[str]) -> click.Command:
    command: click.Command = cli
    for word in words[1:3]:
        assert isinstance(command, click.Group)
        command = subcommands(command)[word]
    return command


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_each_way_is_written_as_its_front_has_it(way: Way) -> None:
    for word in re.findall(r"%+(\w+)", way.magic):
        assert word in MAGICS
    assert set(re.findall(r"(?<!\S)--?[a-z][\w-]*", way.magic)) <= MAGIC_OPTIONS
    options = set(re.findall(r"(?<!\S)--?[a-z][\w-]*", way.command))
    if way.command.startswith("mlmagic "):
        assert options <= set(command_options(command_named(way.command.split())))
    else:
        assert options <= set(command_options(cli))
    assert "%" not in way.command
    assert not re.search(r"--|%(?!config)", way.sdk)
    assert way.command
    assert way.sdk


def test_an_advice_is_the_magics_until_another_front_writes_it() -> None:
    hint = Advice("It is {state}: {update} or {own}", state="up", update=advice.update("a"), own="{b}")
    assert hint == "It is up: %update a or {b}"
    assert hint.on(Front.COMMAND) == "It is up: mlmagic service update -n a or {b}"
    assert hint.on(Front.SDK) == "It is up: service.update() or {b}"
    assert hint.on(Front.SDK).on(Front.MAGIC) == hint
    for same in (copy.deepcopy(hint), pickle.loads(pickle.dumps(hint))):
        assert same.on(Front.SDK) == hint.on(Front.SDK)
    outer = Advice("{inner}!", inner=hint)
    assert outer.on(Front.SDK) == "It is up: service.update() or {b}!"
    assert written_for(Front.SDK, "plain") == "plain"


def test_an_error_leaves_in_the_words_of_its_front() -> None:
    hint = Advice("Use {overwrite}.", overwrite=advice.argument("overwrite"))
    with pytest.raises(WebserviceException) as caught, raised_as(WebserviceException):
        raise UsageError("taken", hint=hint)
    assert str(caught.value) == "taken. Use overwrite=True."
    with pytest.raises(WebserviceException) as caught, raised_as(WebserviceException):
        raise InvalidConfigs("Thing", [InvalidConfig("a", 1, "is wrong", hint=hint)])
    assert str(caught.value) == "Thing has an invalid value:\n  a 1 is wrong. Use overwrite=True."
    caught.value.write_for(Front.COMMAND)
    assert str(caught.value) == "Thing has an invalid value:\n  a 1 is wrong. Use --overwrite."


def hints(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The texts of ``hint=``, ``fix=``, ``"hint":`` and ``notify(...)``, with their lines."""
    named = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("hint", "fix"):
            found.append(node.value)
        elif isinstance(node, ast.Dict):
            found += [
                value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "hint"
            ]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "notify":
            found += node.args
    found += [named[node.id] for node in found if isinstance(node, ast.Name) and node.id in named]
    for value in found:
        for part in ast.walk(value):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.lineno, part.value


@pytest.mark.together
@pytest.mark.parametrize("room", ROOMS)
def test_no_hint_writes_an_option_or_a_magic_itself(room: str) -> None:
    folder = Path(mlmagic.__file__).parent / room
    written = {
        f"{path.relative_to(folder)}:{line}": text
        for path in folder.rglob("*.py")
        for line, text in hints(ast.parse(path.read_text()))
        if LITERAL.search(text) and text != OF_PIP
    }
    assert written == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("raise E('m', hint='Use --overwrite')", True),
        ("raise E('m', hint=f'Try %update {name}')", True),
        ("FIX = 'deploy with: --target local'\nraise E('m', fix=FIX)", True),
        ("raise E('m', hint='Name it with -m')", True),
        ("error = {'hint': 'see %logs'}", True),
        ("notify('mind --exact')", True),
        ("raise E('m', hint='100 % of a well-known name - or less')", False),
        ("raise E('m', hint=Advice('Use {overwrite}.', overwrite=o))", False),
        ("command = ['--target', 'x']", False),
    ],
)
def test_the_walk_finds_what_is_written_past_it(source: str, expected: bool) -> None:
    assert any(LITERAL.search(text) for _, text in hints(ast.parse(source))) is expected
