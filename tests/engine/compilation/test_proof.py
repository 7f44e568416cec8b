"""A conversion that is wrong is found: each test plants an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import onnx
import pytest
from onnx import numpy_helper

from mlmagic.engine.compilation.features import features_of
from mlmagic.engine.compilation.proof import NotEqual, prove
from mlmagic.engine.compilation.rows import groups
from mlmagic.scoring.compiled.files import Record
from mlmagic.scoring.compiled.model import CompiledModel

from .estimators import CLASSES, COMPILED, X
from .result import Compiled

pytestmark = pytest.mark.together


def proved(found: Compiled, method: str = "predict", estimator: Any = None) -> None:
    """Compare the compiled model with ``estimator``, which is the original unless another is given."""
    original = estimator or found.original
    model = CompiledModel(Record.read(found.folder), found.folder)
    prove(original, model, method, list(groups(features_of(original, None))))


def change(file: Path, attribute: str, value: Callable[[Any], Any]) -> None:
    """Change an attribute of the trees in a graph."""
    model = onnx.load(file)
    node = next(node for node in model.graph.node if node.op_type == "TreeEnsemble")
    found = next(each for each in node.attribute if each.name == attribute)
    array = numpy_helper.to_array(found.t).copy()
    found.t.CopyFrom(numpy_helper.from_array(value(array), attribute))
    onnx.save(model, file)


def test_the_right_model_is_proved(compiled: Callable[..., Compiled]) -> None:
    proved(compiled(COMPILED["random forest"]))


@pytest.mark.parametrize("name", ["random forest", "gradient boosting", "xgboost", "lightgbm"])
def test_a_threshold_that_is_a_little_off_is_found(name: str, compiled: Callable[..., Compiled]) -> None:
    found = compiled(COMPILED[name])

    def one_step_up(thresholds: Any) -> Any:
        # In single precision, as a converter does that rounds to the nearest number.
        return numpy.nextafter(thresholds.astype("float32"), numpy.float32("inf")).astype(thresholds.dtype)

    method = found.result.methods[-1]
    change(found.folder / f"{method}.onnx", "nodes_splits", one_step_up)
    with pytest.raises(NotEqual, match=r"when compiled.*thresholds"):
        proved(found, method)


def test_less_in_place_of_less_or_equal_is_found(compiled: Callable[..., Compiled]) -> None:
    found = compiled(COMPILED["random forest, values"])
    change(found.folder / "predict.onnx", "nodes_modes", lambda modes: numpy.ones_like(modes))
    with pytest.raises(NotEqual, match="when compiled"):
        proved(found)


def test_one_leaf_that_is_different_is_found(compiled: Callable[..., Compiled]) -> None:
    found = compiled(COMPILED["decision tree"])

    def other(leaves: Any) -> Any:
        leaves[:3] = [0.1, 0.2, 0.7]
        return leaves

    change(found.folder / "predict_proba.onnx", "leaf_weights", other)
    with pytest.raises(NotEqual, match="when compiled"):
        proved(found, "predict_proba")


def test_a_coefficient_that_is_different_is_found(compiled: Callable[..., Compiled]) -> None:
    found = compiled(COMPILED["ridge"])
    found.original.coef_[5] += 1e-4
    with pytest.raises(NotEqual, match="when compiled"):
        proved(found)


def test_labels_of_another_type_are_found(compiled: Callable[..., Compiled]) -> None:
    found = compiled(COMPILED["logistic regression"])
    found.original.classes_ = found.original.classes_.astype("int32")
    with pytest.raises(NotEqual, match=r"returns int64\[1024\] when compiled, and int32\[1024\] when not"):
        proved(found)


def test_a_method_that_is_not_equal_is_left_to_the_original(
    compiled: Callable[..., Compiled], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.linear_model import LogisticRegression

    class Shy(LogisticRegression):
        """Its probabilities are not those that the converter of its base class computes."""

        def predict_proba(self, X: Any) -> Any:
            return super().predict_proba(X).clip(0.1, 0.9)

    monkeypatch.setattr("sklearn.linear_model.Shy", Shy, raising=False)
    Shy.__module__, Shy.__qualname__ = "sklearn.linear_model", "Shy"
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
    from skl2onnx.operator_converters.linear_classifier import convert_sklearn_linear_classifier

    options = {"zipmap": [True, False], "raw_scores": [True, False], "nocl": [True, False]}
    options["output_class_labels"] = [False, True]
    update_registered_converter(
        Shy,
        "Shy",
        calculate_linear_classifier_output_shapes,
        convert_sklearn_linear_classifier,
        options=options,
        overwrite=True,
    )
    found = compiled(lambda: Shy().fit(X, CLASSES))
    assert found.result.methods == ("predict", "decision_function")
    ((method, reason),) = found.result.originals
    assert method == "predict_proba"
    assert reason.startswith("predict_proba() returns ")
    assert found.result.words.endswith(f"Not compiled: predict_proba. {reason}")
    assert not (found.folder / "predict_proba.onnx").exists()
    numpy.testing.assert_array_equal(found.loaded.predict_proba(X), found.original.predict_proba(X))


def test_a_sample_widens_the_ranges() -> None:
    sample = {"data": [[100.0] * 6, [200.0] * 6]}
    found = features_of(COMPILED["ridge"](), sample)
    assert found.range_of(0) == (100, 200)
    names = [group.name for group in groups(found)]
    assert names[0] == "the sample"


@pytest.mark.parametrize("sample", [None, [], "text", [[1, 2]], {"data": 3}, [["a"] * 6], [[1], [1, 2]]])
def test_a_sample_that_is_no_table_of_numbers_is_not_used(sample: Any) -> None:
    found = features_of(COMPILED["ridge"](), sample)
    assert found.sample is None
    assert found.range_of(0) == (-3, 3)


def test_a_sample_of_objects_with_gaps() -> None:
    sample = [
        {"plan": "a", "city": "Oslo", "age": 30, "income": 1e6, "more": 1},
        {"plan": "b", "city": None, "age": 40, "income": 2e6, "more": 1},
        {"plan": "b", "city": "Rome", "age": None, "income": 3e6, "more": 1},
    ]
    found = features_of(COMPILED["columns"](), sample)
    assert list(found.sample.columns) == ["age", "income", "city", "plan"]
    assert len(found.sample) == 1, "rows with gaps are another group"
    assert found.range_of(1)[1] == 1e6


def test_the_thresholds_of_trees_behind_a_scaler() -> None:
    pipeline = COMPILED["scaler and lightgbm"]()
    scaler, trees = pipeline[0], features_of(pipeline[1], None).thresholds
    for place, found in features_of(pipeline, None).thresholds.items():
        scaled = (found - scaler.mean_[place]) / scaler.scale_[place]
        numpy.testing.assert_allclose(scaled, trees[place], rtol=1e-9, atol=1e-12)


def test_what_a_pipeline_knows_of_its_columns() -> None:
    found = features_of(COMPILED["columns, strict"](), None)
    assert (found.kinds, found.text, found.strict) == ("nnss", {2, 3}, {2, 3})
    assert found.categories == {2: ["Bern", "Paris", "Rome"], 3: ["a", "b"]}
    assert found.range_of(1)[0] < 10_000 < 50_000 < found.range_of(1)[1]
