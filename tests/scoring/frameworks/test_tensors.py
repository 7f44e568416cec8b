"""Named arrays: what a body becomes, what is refused, how it is described."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mlmagic.scoring.frameworks.tensors import Tensor, TensorModel
from mlmagic.scoring.http.request import BadInput
from mlmagic.scoring.inputs.bodies import Whole

IMAGE = Tensor("image", np.float32, ("N", 2, 2))


class Echo(TensorModel):
    def call(self, feed: dict[str, Any]) -> Any:
        return feed


@pytest.mark.parametrize(
    ("tensor", "value", "dtype", "shape"),
    [
        (IMAGE, [[[1, 2], [3, 4]]], "float32", (1, 2, 2)),
        (Tensor("x"), [1, 2.5], "float64", (2,)),
        (Tensor("x", np.int64, ("N",)), [1, 2.0], "int64", (2,)),
        (Tensor("x", np.str_, ("N", 1)), [["a"], ["b"]], "object", (2, 1)),
        (Tensor("x", np.float32, ()), 3, "float32", ()),
        (Tensor("x", np.bool_, ("any",)), [True], "bool", (1,)),
    ],
)
def test_values_that_fit(tensor: Tensor, value: Any, dtype: str, shape: tuple[int, ...]) -> None:
    array = tensor.read(value, "x")
    assert (str(array.dtype), array.shape) == (dtype, shape)


@pytest.mark.parametrize(
    ("tensor", "value", "words"),
    [
        (IMAGE, [[1, 2], [3, 4]], "'data' parameter .* Expected an array of shape (N, 2, 2), got (2, 2)"),
        (IMAGE, [[[1, 2], [3, 4], [5, 6]]], "got (1, 3, 2)"),
        (IMAGE, "text", "Expected an array of float32, got text"),
        (IMAGE, [[["a", "b"], ["c", "d"]]], "got an array of text"),
        (IMAGE, [[[1, 2], [3]]], "Expected an array of float32, got rows of different"),
        (Tensor("x", np.uint8, ("N",)), [300], "Expected an array of uint8, got 300"),
        (Tensor("x", np.str_, ("N",)), [1], "Expected an array of text, got one of int64"),
    ],
)
def test_values_that_do_not(tensor: Tensor, value: Any, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        tensor.read(value, "data")
    for part in words.split(" .* "):
        assert part in str(caught.value)


def test_one_input_is_called_data_or_by_its_name_or_not_at_all() -> None:
    model = Echo([Tensor("x.1", np.float32, ("N",))])
    for values in ({"data": [1]}, {"x.1": [1]}, Whole([1])):
        arguments = model.read(values)
        assert list(arguments) == ["data"]
        assert model.predict(arguments)["x.1"].tolist() == [1]
    with pytest.raises(BadInput, match="A value is not provided for the 'data' parameter"):
        model.read({"y": [1]})


def test_several_inputs_come_by_name() -> None:
    model = Echo([Tensor("age", np.float32, ("N", 1)), Tensor("name", np.str_, ("N", 1))])
    arguments = model.read({"age": [[1]], "name": [["a"]], "more": 1})
    assert sorted(model.predict(arguments)) == ["age", "name"]
    with pytest.raises(BadInput, match=r"'name' parameter\. The model takes age, name"):
        model.read({"age": [[1]]})
    with pytest.raises(BadInput, match="The body is one value"):
        model.read(Whole([1]))


def test_large_bodies_are_read_without_a_python_object_for_each_number() -> None:
    body = json.dumps({"data": [[1.5, 2]] * 3}).encode()
    array = Echo([Tensor("x", np.float32, ("N", 2))]).parse(body)
    assert (array.dtype, array.shape) == (np.float32, (3, 2))
    assert Echo([Tensor("x", np.str_, ("N",))]).parse(body) is None
    assert Echo([IMAGE, Tensor("y")]).parse(body) is None


def test_only_a_free_first_axis_can_be_stacked() -> None:
    assert Echo([IMAGE]).unstackable == ""
    assert Echo([Tensor("x")]).unstackable == ""
    assert Echo([Tensor("x", np.float32, (1, 3))]).unstackable == (
        "the first axis of its input 'x', of shape (1, 3), is fixed"
    )
    assert "input 'y'" in Echo([IMAGE, Tensor("y", np.float32, ())]).unstackable


def test_shapes_are_described() -> None:
    row = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    image = {"type": "array", "items": row, "minItems": 2, "maxItems": 2}
    assert IMAGE.schema() == {
        "type": "array",
        "items": image,
        "format": "numpy.ndarray",
        "description": "float32, shape (N, 2, 2)",
    }
    told = Echo([IMAGE, Tensor("b")], [Tensor("c"), Tensor("d", np.int64, ("any",))]).describe()
    assert told["input"]["required"] == ["image", "b"]
    assert told["output"]["properties"]["d"]["description"] == "int64, shape (any,)"


def test_a_model_without_inputs_is_refused() -> None:
    with pytest.raises(ValueError, match="has no inputs"):
        Echo([])
