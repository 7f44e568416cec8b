"""Which framework serves which models, and the script that is made for them."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.capture.entry import validate
from mlmagic.core.model import Model, ModelDescription, StoredFile
from mlmagic.engine.scripts.no_code import FRAMEWORKS, framework_of, inference_for
from mlmagic.errors import UsageError


def model(
    name: str = "m", files: tuple[str, ...] = ("model.pkl",), framework: str | None = None, **details: Any
) -> Model:
    stored = tuple(StoredFile(path, "0" * 64, 1) for path in files)
    return Model(ModelDescription(name, framework=framework, **details), 1, stored, 0.0)


@pytest.mark.parametrize(
    ("given", "framework"),
    [
        (model(framework="Onnx"), "Onnx"),
        (model(framework="XGBoost"), "XGBoost"),
        (model(files=("a.onnx",)), "Onnx"),
        (model(files=("a.onnx",), framework="ScikitLearn"), "ScikitLearn"),
        (model(files=("sm/saved_model.pb",)), "TensorFlow"),
        (model(files=("run/MLmodel",), framework="Custom"), "MLflow"),
        (model(modules=("sklearn.svm", "numpy")), "ScikitLearn"),
        (model(framework="Custom", modules=("lightgbm.basic",)), "LightGBM"),
    ],
)
def test_the_framework_of_a_model(given: Model, framework: str) -> None:
    assert framework_of(given).name == framework


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            model(),
            "m:1 cannot be served without a script: it is of a framework that cannot be detected",
        ),
        (
            model(framework="Custom"),
            "Supported are: Onnx, ScikitLearn, TensorFlow, PyTorch, XGBoost, LightGBM",
        ),
        (model(framework="TfKeras"), "it is a TfKeras model"),
        (
            model(framework="Multi"),
            "Multi, which is several models behind one service. Register each by itself",
        ),
    ],
)
def test_others_are_refused(given: Model, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        framework_of(given)


def test_one_model() -> None:
    inference, said = inference_for([model("iris", framework="ScikitLearn", modules=("scipy.sparse",))])
    assert said == "Serving model iris:1 without a script (ScikitLearn)."
    assert inference.script_text == (
        '"""Serves the model iris:1 (ScikitLearn) as it is."""\n\n'
        "from mlmagic.scoring.frameworks.scikit_learn import init, run\n\n"
        '__all__ = ["init", "run"]\n'
    )
    names = [pin.partition("==")[0] for pin in inference.requirements]
    assert names == ["joblib", "numpy", "pandas", "scikit-learn", "scipy"]
    assert inference.modules == ("joblib", "scipy.sparse", "sklearn")
    assert inference.no_code
    assert not inference.texts


def test_onnx_needs_neither_scikit_learn_nor_pandas() -> None:
    inference, _ = inference_for([model(framework="Onnx")])
    assert [pin.partition("==")[0] for pin in inference.requirements] == ["numpy", "onnxruntime"]


@pytest.mark.parametrize(
    ("sample", "body"),
    [([[1, 2]], '{"data": [[1, 2]]}'), ({"data": [1], "method": "predict"}, None), ({"a": [1]}, None)],
)
def test_a_sample_comes_along_as_a_body(sample: Any, body: str | None) -> None:
    import json

    inference, _ = inference_for([model(framework="Onnx", sample_input=sample)])
    assert inference.texts == {"sample.json": body or json.dumps(sample)}
    assert 'warmup = json.loads(Path(__file__).with_name("sample.json")' in (inference.script_text or "")


def test_several_models() -> None:
    inference, said = inference_for(
        [model("a", framework="Onnx", sample_input=[1]), model("b", framework="PyTorch")],
        is_installed=lambda name: True,
    )
    assert said == "Serving models a:1 (Onnx), b:1 (PyTorch) without a script (Multi)."
    assert '"a:1": "onnx",\n        "b:1": "pytorch",' in (inference.script_text or "")
    assert inference.texts == {"sample.json": '{"a:1": {"data": [1]}}'}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("sample", [None, [1]])
def test_what_is_made_is_an_entry_script(framework: str, sample: Any) -> None:
    one = model(framework=framework, sample_input=sample)
    two = model("n", framework=framework, sample_input=sample)
    for models in ([one], [one, two]):
        inference, _ = inference_for(models, is_installed=lambda name: True)
        validate(inference.script_text or "", inference.entry_script)


def test_what_is_missing_is_told() -> None:
    with pytest.raises(UsageError, match="neither a script nor a model"):
        inference_for([])
    with pytest.raises(
        UsageError, match=r"m:1 \(ScikitLearn\) needs scikit-learn, .* pip install scikit-learn"
    ):
        inference_for([model(framework="ScikitLearn")], is_installed=lambda name: name != "sklearn")
