"""A magic's line as words, with the values of the notebook's variables and expressions.

``{expression}`` and ``$name`` are the notebook's own values, and ``svc-{name}`` puts one into a word; nothing
else in a line is touched, and never anything in a cell. Any object may stand there, for options that take
objects (a model, a table, a dict of tags).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlmagic.errors import UsageError, nearest

_CLOSING = {"{": "}", "[": "]", "(": ")"}
_NAME_IN_WORD = re.compile(r"\{([A-Za-z_][\w.]*)\}")


def split_line(line: str) -> list[str]:
    """Split at blanks, as a shell does; quotes and brackets keep together what is in them.

    Quotes around a whole word are taken off, so ``--entry-script "my score.py"`` is one plain path.
    Raises `UsageError` for a quote or bracket that is never closed.
    """
    return [_unquote(word) for word in _words(line)]


def _words(line: str) -> Iterator[str]:
    word, quote, escaped = "", "", False
    closers: list[str] = []
    for char in line:
        if quote:
            word += char
            if char == quote and not escaped:
                quote = ""
            escaped = char == "\\" and not escaped
        elif char.isspace() and not closers:
            if word:
                yield word
            word = ""
        else:
            word += char
            if char in "\"'" and (closers or not _is_apostrophe(word)):
                quote = char
            elif char in _CLOSING:
                closers.append(_CLOSING[char])
            elif closers and char == closers[-1]:
                closers.pop()
    if quote or closers:
        raise UsageError(
            f"{line.strip()!r} has a {quote or closers[-1]} missing", hint="Add the closing character."
        )
    if word:
        yield word


def _is_apostrophe(word: str) -> bool:
    """Whether the quote that ends ``word`` is one: ``it's`` is one word without a quotation."""
    return len(word) > 1 and word[-2].isalpha()


def _unquote(word: str) -> str:
    key, equals, value = word.partition("=")
    if equals and _is_quoted(value) and not _is_quoted(word):
        return f"{key}={_unquote(value)}"
    return word[1:-1].replace(f"\\{word[0]}", word[0]) if _is_quoted(word) else word


def _is_quoted(word: str) -> bool:
    return len(word) >= 2 and word[0] == word[-1] and word[0] in "\"'"


VALUE_MARK = "\0"
"""No option begins with it."""


class Value(str):
    """A Python object where the parser wants a word."""

    __slots__ = ("held",)
    held: Any

    @classmethod
    def of(cls, held: Any, text: str) -> Value:
        """``text`` is how it is written in the line."""
        word = cls(f"{VALUE_MARK}{text}")
        word.held = held
        return word


def with_values(word: str, namespace: Mapping[str, Any]) -> Iterator[str]:
    """The word, or two for ``--option={value}``, with the notebook's values in it."""
    head, equals, tail = word.partition("=")
    if _is_value(word):
        yield Value.of(_value(word, namespace), word)
    elif equals and _is_value(tail):
        value = _value(tail, namespace)
        if head.startswith("--"):
            yield head
            yield Value.of(value, tail)
        else:
            yield f"{head}={value}"
    elif word[0:1] in _CLOSING:
        yield word  # a list or a tuple: whoever reads it reads it as Python or JSON
    else:
        yield _NAME_IN_WORD.sub(lambda found: str(evaluate(found[1], namespace)), word)


def _is_value(word: str) -> bool:
    if word[:1] == "$":
        return word[1:].isidentifier()
    return word[:1] == "{" and word[-1] == "}"


def _value(word: str, namespace: Mapping[str, Any]) -> Any:
    """What ``$name`` or ``{...}`` means: a dict if it reads as one, else the expression inside."""
    if word[0] == "$":
        return evaluate(word[1:], namespace)
    try:
        return json.loads(word)
    except ValueError:
        pass
    try:
        whole = isinstance(ast.parse(word, mode="eval").body, ast.Dict | ast.DictComp | ast.SetComp)
    except (SyntaxError, ValueError):
        whole = False
    return evaluate(word if whole else word[1:-1], namespace)


def read_data(given: str, namespace: Mapping[str, Any]) -> Any:
    """Data for a script: JSON stays the text it is; all else is the notebook's value or an expression."""
    if isinstance(given, Value):
        return given.held
    try:
        json.loads(given)
    except ValueError:
        return _value(given.strip(), namespace) if _is_value(given.strip()) else evaluate(given, namespace)
    return given


def evaluate(expression: str, namespace: Mapping[str, Any]) -> Any:
    """A Python expression over the notebook's names; raises `UsageError` with what is wrong in it."""
    shown = expression.strip()
    try:
        code = compile(shown, "<magic>", "eval")
    except (SyntaxError, ValueError) as error:
        reason = getattr(error, "msg", error)
        raise UsageError(f"{shown!r} is not a Python expression: {reason}") from None
    try:
        return eval(code, dict(namespace))
    except NameError as error:
        name = error.name or ""
        match = nearest(name, [known for known in namespace if not known.startswith("_")])
        hint = f"Did you mean {match!r}?" if match else ""
        raise UsageError(f"{name!r} is not defined in the notebook", hint=hint) from None
    except Exception as error:
        raise UsageError(f"{shown!r} raised {type(error).__name__}: {error}") from error
