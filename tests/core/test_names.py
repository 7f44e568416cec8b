from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmagic.core.names import ModelReference, check_model_name, check_service_name
from mlmagic.errors import InvalidConfig


@pytest.mark.parametrize("name", ["a", "Model-1.2_x", "9lives", "x" * 255])
def test_good_model_names(name: str) -> None:
    assert check_model_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", ".a", "_a", "a b", "a/b", "ä", "x" * 256, "a:1", "a\n"])
def test_bad_model_names_say_value_and_rule(name: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        check_model_name(name)
    assert repr(name) in str(caught.value)
    assert "letters, digits" in str(caught.value)


@pytest.mark.parametrize("name", ["abc", "a-1", "a" * 32, "diabetes-svc"])
def test_good_service_names(name: str) -> None:
    assert check_service_name(name) == name


@pytest.mark.parametrize("name", ["ab", "Abc", "abc-", "1abc", "a_b", "a" * 33, "", "a b c", "abc\n"])
def test_bad_service_names(name: str) -> None:
    with pytest.raises(InvalidConfig, match="3 to 32"):
        check_service_name(name)


def test_a_bad_service_name_comes_with_a_good_one() -> None:
    with pytest.raises(InvalidConfig, match="For example 'my-service'"):
        check_service_name("My Service")


@given(st.text(max_size=40))
def test_what_is_suggested_is_valid(name: str) -> None:
    try:
        check_service_name(name)
    except InvalidConfig as error:
        if "For example" in error.hint:
            check_service_name(error.hint.split("'")[1])


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("diabetes", ModelReference("diabetes")),
        ("diabetes:3", ModelReference("diabetes", 3)),
        ("diabetes:latest", ModelReference("diabetes")),
    ],
)
def test_references(text: str, reference: ModelReference) -> None:
    assert ModelReference.parse(text) == reference


@pytest.mark.parametrize("text", ["a:0", "a:-1", "a:x", "a:", "a:1:2", "a:²"])
def test_bad_references(text: str) -> None:
    with pytest.raises(InvalidConfig, match="whole number"):
        ModelReference.parse(text)
