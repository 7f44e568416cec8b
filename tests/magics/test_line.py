"""Splitting a line, putting the notebook's values in, and errors that name value, rule and fix."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.magic_arguments import MagicArgumentParser

from mlmagic.errors import InvalidConfig, UsageError
from mlmagic.magics.line import evaluate, read_data, split_line
from mlmagic.magics.options import Help, data, number, pairs, parse_line, thing, variable
from mlmagic.magics.services import model_references, split_score

NOTEBOOK = {"model": object(), "x": 3, "name": "abc", "rate": 0.5, "on": True, "tags": {"a": "1"}, "d": {}}


@pytest.fixture
def parser() -> MagicArgumentParser:
    parser = MagicArgumentParser("%do")
    parser.add_argument("name")
    parser.add_argument("-m", "--model", action="append", type=thing)
    parser.add_argument("--tag", action="append", type=thing)
    parser.add_argument("--cpu", type=number("cpu"))
    parser.add_argument("--port", type=number("port", int, above=0))
    parser.add_argument("--description")
    parser.add_argument("--test", type=data)
    parser.add_argument("-o", "--out", type=variable)
    return parser


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  a   b ", ["a", "b"]),
        ("a -m b:1 --tag k=v", ["a", "-m", "b:1", "--tag", "k=v"]),
        ('--entry-script "my score.py"', ["--entry-script", "my score.py"]),
        ("--tag note='two words'", ["--tag", "note=two words"]),
        ("--tag note=it's fine", ["--tag", "note=it's", "fine"]),
        (r'"say \"hi\""', ['say "hi"']),
        ('x {"data": [[1, 2], [3, 4]]}', ["x", '{"data": [[1, 2], [3, 4]]}']),
        ("--sample {f'{x} y'}", ["--sample", "{f'{x} y'}"]),
        ("{d['a b']} (1, 2)", ["{d['a b']}", "(1, 2)"]),
        ("{'}'} b", ["{'}'}", "b"]),
        ('--description ""', ["--description", ""]),
        ("a) b]", ["a)", "b]"]),
    ],
)
def test_a_line_is_split_at_blanks_outside_quotes_and_brackets(line: str, words: list[str]) -> None:
    assert split_line(line) == words


@pytest.mark.parametrize("line", ['a "b', "{x", "[1, 2", "{'}"])
def test_what_is_never_closed_is_told(line: str) -> None:
    with pytest.raises(UsageError, match=r"missing\. Add the closing character"):
        split_line(line)


@pytest.mark.together
@settings(max_examples=40)
@given(st.lists(st.text(st.characters(blacklist_characters="\0", codec="utf-8"))))
def test_quoted_words_come_back_as_they_were(words: list[str]) -> None:
    quoted = ['"' + word.replace('"', '\\"') + '"' for word in words if "\\" not in word]
    assert split_line(" ".join(quoted)) == [word for word in words if "\\" not in word]


@pytest.mark.together
@settings(max_examples=40)
@given(st.lists(st.from_regex(r"[A-Za-z0-9_./:=-]+", fullmatch=True)))
def test_plain_words_are_split_as_a_shell_splits_them(words: list[str]) -> None:
    assert split_line(" ".join(words)) == shlex.split(" ".join(words))


@settings(max_examples=40)
@given(st.text(max_size=60))
def test_any_line_is_split_or_refused(line: str) -> None:
    try:
        words = split_line(line)
    except UsageError:
        return
    assert all(isinstance(word, str) for word in words)


@pytest.mark.parametrize(
    ("line", "option", "value"),
    [
        ("{name}", "name", "abc"),
        ("$name", "name", "abc"),
        ("svc-{x}", "name", "svc-3"),
        ("{name.upper()}", "name", "ABC"),
        ("{x}", "name", "3"),
        ("a --description 'costs {rate}'", "description", "costs 0.5"),
        ("a --description $5", "description", "$5"),
        ("a --cpu {rate * 2}", "cpu", 1.0),
        ("a --cpu={rate}", "cpu", 0.5),
        ("a --port={x}", "port", 3),
        ("a -m {model}", "model", [NOTEBOOK["model"]]),
        ("a -m $model -m b:1", "model", [NOTEBOOK["model"], "b:1"]),
        ("a --model={model}", "model", [NOTEBOOK["model"]]),
        ("a --tag {tags}", "tag", [{"a": "1"}]),
        ('a --tag {"k": "v"} --tag n={x}', "tag", [{"k": "v"}, "n=3"]),
        ("a --tag {'k': name}", "tag", [{"k": "abc"}]),
        ("a --tag {}", "tag", [{}]),
        ("a -o kept", "out", "kept"),
    ],
)
def test_values_of_the_notebook_stand_in_the_line(
    parser: MagicArgumentParser, line: str, option: str, value: Any
) -> None:
    assert getattr(parse_line(parser, line, NOTEBOOK), option) == value


@pytest.mark.parametrize("held", ["-x", "--cpu", "", "a b", "\0", "{x}", "$x", "-1"])
def test_text_from_the_notebook_is_never_read_as_an_option(parser: MagicArgumentParser, held: str) -> None:
    assert parse_line(parser, "a --description {held}", {"held": held}).description == held


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a --cpu abc", "cpu 'abc' must be a number"),
        ("a --cpu {tags}", "cpu {'a': '1'} must be a number"),
        ("a --port 1.5", "port '1.5' must be a whole number"),
        ("a --port 0", "port 0 must be above 0"),
        ("a --description {tags}", "argument --description: must be text, not a dict"),
        ("{model}", "argument name: must be text, not a object"),
        ("a -o 1x", "--out '1x' cannot be the name of a variable"),
        ("a -o class", "'class' cannot be the name of a variable"),
        ("a --nothing", "%do has no option '--nothing'"),
        ("", "the following arguments are required: name"),
        ("a --model", "argument -m/--model: expected one argument"),
        ("{nam}", "'nam' is not defined in the notebook. Did you mean 'name'?"),
        ("svc-{y}", "'y' is not defined in the notebook"),
        ("{1 +}", "'1 +' is not a Python expression"),
        ("{d['k']}", "\"d['k']\" raised KeyError: 'k'"),
    ],
)
def test_errors_name_the_value_the_rule_and_the_fix(
    parser: MagicArgumentParser, line: str, words: str
) -> None:
    with pytest.raises((UsageError, InvalidConfig)) as caught:
        parse_line(parser, line, NOTEBOOK)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "\0" not in str(caught.value)


@pytest.mark.parametrize("line", ["-h", "a --help", "--nothing -h", "--cpu abc --help"])
def test_help_comes_before_everything(parser: MagicArgumentParser, line: str) -> None:
    with pytest.raises(Help, match="--description"):
        parse_line(parser, line, {})


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ('{"data": [[1, 2]], "on": true}', '{"data": [[1, 2]], "on": true}'),
        ("[1, 2]", "[1, 2]"),
        ("null", "null"),
        ("d", {}),
        ("$d", {}),
        ("{tags}", {"a": "1"}),
        ('{"data": name, "rate": rate}', {"data": "abc", "rate": 0.5}),
        ("{'data': [x]}", {"data": [3]}),
        ("[x] * 2", [3, 3]),
        ("name", "abc"),
        ("{name}", "abc"),
    ],
)
def test_data_is_json_as_it_stands_or_an_expression(given: str, read: Any) -> None:
    assert read_data(given, NOTEBOOK) == read


@pytest.mark.parametrize(
    ("word", "read"),
    [("{tags}", {"a": "1"}), ('{"x":true}', {"x": True}), ("[1]", "[1]"), ("[x]", [3]), ("{name}", "abc")],
)
def test_data_of_an_option_is_read_alike(parser: MagicArgumentParser, word: str, read: Any) -> None:
    assert read_data(parse_line(parser, f"a --test {word}", NOTEBOOK).test, NOTEBOOK) == read


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ('svc {"a": [1, 2]}', ("svc", None, '{"a": [1, 2]}')),
        ("-o ans svc x + 1", ("svc", "ans", "x + 1")),
        ("--out=ans svc x", ("svc", "ans", "x")),
        ("svc --out ans x", ("svc", "ans", "x")),
        ("svc -o ans -o x", ("svc", "ans", "-o x")),
        ("svc -output", ("svc", None, "-output")),
        ("svc", ("svc", None, "")),
        ("svc \n[1,\n 2]", ("svc", None, "[1,\n 2]")),
        ("", ("", None, "")),
    ],
)
def test_the_data_of_score_is_the_rest_of_the_line(line: str, parts: tuple[str, str | None, str]) -> None:
    assert split_score(line) == parts


def test_expressions_see_the_notebook_and_leave_it_as_it_is() -> None:
    assert evaluate("[x + k for k in range(2)]", NOTEBOOK) == [3, 4]
    before = dict(NOTEBOOK)
    evaluate("(new := 1)", NOTEBOOK)
    assert before == NOTEBOOK


def test_pairs_and_models_take_words_and_objects() -> None:
    class Registered:
        id = "a:2"

    assert pairs("--tag", ["a=1=2", {"b": 3}]) == {"a": "1=2", "b": "3"}
    assert [str(one) for one in model_references(["b", [Registered(), "c:1"]])] == ["b", "a:2", "c:1"]
    with pytest.raises(InvalidConfig, match="--tag 'a' must be KEY=VALUE"):
        pairs("--tag", ["a"])
