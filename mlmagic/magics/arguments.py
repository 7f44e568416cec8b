"""A magic's line: split, with Python values from the notebook put in, and parsed.

``{expression}`` and ``$name`` are the notebook's own values; nothing else in a line is touched, and never
anything in a cell. A value that is a number or text stands in the line as such; any other object is handed
through whole, for options that take objects (a model, a table, a dict of tags).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from IPython.core.magic_arguments import MagicArgumentParser

from mlmagic.core.model import parse_labels
from mlmagic.errors import InvalidConfig, UsageError, nearest

_CLOSING = {"{": "}", "[": "]", "(": ")"}


def split_line(line: str) -> list[str]:
    """Split at blanks, as a shell does; quotes and brackets keep together what is in them.

    Quotes around a whole word are taken off, so ``--entry-script "my score.py"`` is one plain path.
    Raises `UsageError` for a quote or bracket that is never closed.
    """
    return [_unquote(word) for word in _words(line)]


def _words(line: str) -> Iterator[str]:
    word, quote = "", ""
    closers: list[str] = []
    for index, char in enumerate(line):
        if quote:
            word += char
            if char == quote and line[index - 1] != "\\":
                quote = ""
        elif char.isspace() and not closers:
            if word:
                yield word
            word = ""
        else:
            word += char
            if char in "\"'" and not _inside_word(word):
                quote = char
            elif char in _CLOSING:
                closers.append(_CLOSING[char])
            elif closers and char == closers[-1]:
                closers.pop()
    if quote or closers:
        raise UsageError(
            f"{line.strip()!r} has a {quote or closers[-1]} missing", hint="Close what was opened."
        )
    if word:
        yield word


def _inside_word(word: str) -> bool:
    """Whether a quote is an apostrophe: ``it's`` is one word without a quotation."""
    return len(word) > 1 and word[-2].isalpha()


def _unquote(word: str) -> str:
    key, equals, value = word.partition("=")
    if equals and _is_quoted(value) and not _is_quoted(word):
        return f"{key}={value[1:-1]}"
    return word[1:-1] if _is_quoted(word) else word


def _is_quoted(word: str) -> bool:
    return len(word) >= 2 and word[0] == word[-1] and word[0] in "\"'"


class Arguments:
    """What a line said: the options as attributes, with Python objects in their places."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:  # for the type checker: the parser says which there are
        raise AttributeError(name)


class Help(Exception):
    """The line asked for help; the text is to be printed."""


def parse_line(parser: MagicArgumentParser, line: str, namespace: Mapping[str, Any]) -> Arguments:
    """Parse a line with a magic's own parser; raises `Help` for -h, `UsageError` for what does not fit."""
    words = split_line(line)
    if "-h" in words or "--help" in words:
        raise Help(help_text(parser))
    objects: dict[str, Any] = {}
    words = [_put_in(word, namespace, objects) for word in words]
    values = vars(_parse(parser, words))
    return Arguments({key: _take_out(value, objects) for key, value in values.items()})


def help_text(parser: MagicArgumentParser) -> str:
    """The parser's help without the restructured-text marks IPython adds for docstrings."""
    return str(parser.format_help()).replace("::\n\n", "usage:\n", 1)


def _parse(parser: MagicArgumentParser, words: list[str]) -> Any:
    def refuse(message: str) -> NoReturn:
        usage = " ".join(parser.format_usage().replace("::", "").split())
        raise UsageError(f"{parser.prog}: {message}", hint=usage + f"; see {parser.prog} --help")

    parser.error = refuse
    return parser.parse_args(words)


def _put_in(word: str, namespace: Mapping[str, Any], objects: dict[str, Any]) -> str:
    head, equals, tail = word.partition("=")
    if equals and head.startswith("--") and _is_expression(tail):
        return f"{head}={_put_in(tail, namespace, objects)}"
    if _is_expression(word):
        value = evaluate(word[1:] if word[0] == "$" else word[1:-1], namespace)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value)
        key = f"\0{len(objects)}"
        objects[key] = value
        return key
    if equals and _is_expression(tail):
        return f"{head}={evaluate(tail[1:] if tail[0] == '$' else tail[1:-1], namespace)}"
    return word


def _is_expression(word: str) -> bool:
    if word[:1] == "$":
        return word[1:].isidentifier()
    return len(word) > 2 and word[0] == "{" and word[-1] == "}"


def _take_out(value: Any, objects: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_take_out(item, objects) for item in value]
    return objects.get(value, value) if isinstance(value, str) else value


def evaluate(expression: str, namespace: Mapping[str, Any]) -> Any:
    """A Python expression over the notebook's names; an undefined name is told with the nearest one."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except SyntaxError as error:
        raise UsageError(f"{expression.strip()!r} is not a Python expression: {error.msg}") from None
    try:
        return eval(compile(tree, "<magic>", "eval"), dict(namespace))
    except NameError as error:
        name = error.name or ""
        match = nearest(name, [known for known in namespace if not known.startswith("_")])
        hint = f"Did you mean {match!r}?" if match else ""
        raise UsageError(f"{name!r} is not defined in the notebook", hint=hint) from None


def pairs(option: str, given: Iterable[Any] | None) -> dict[str, str]:
    """The KEY=VALUE words or dicts given for an option; none if it was not given."""
    return parse_labels(option, given or ())


def number(option: str, convert: Callable[[str], float] = float) -> Callable[[str], Any]:
    """An argparse type whose error names the option, the value and the rule."""

    def read(text: str) -> Any:
        try:
            return convert(text)
        except ValueError:
            kind = "a whole number" if convert is int else "a number"
            raise InvalidConfig(option, text, f"must be {kind}") from None

    return read
