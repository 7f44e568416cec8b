"""ONNX with the real onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlmagic.scoring.script import InitFailed

from .served import Serve

pytestmark = pytest.mark.processes  # not that they start any: the libraries take seconds to import


def save(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any]) -> Path:
    """A graph of ``(operator, inputs, outputs, attributes)`` over ``(name, type, shape)``."""
    import onnx
    from onnx import TensorProto, helper

    def told(side: list[Any]) -> list[Any]:
        return [
            helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape)
            for name, kind, shape in side
        ]

    made = [helper.make_node(kind, taken, given, **more) for kind, taken, given, more in nodes]
    graph = helper.make_graph(made, "g", told(inputs), told(outputs))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path / "model.onnx"))
    return path


@pytest.fixture
def doubler(tmp_path: Path) -> Path:
    shape = ["batch", 3]
    return save(
        tmp_path,
        [("Add", ["x.in", "x.in"], ["y"], {})],
        [("x.in", "FLOAT", shape)],
        [("y", "FLOAT", shape)],
    )


def test_one_input_and_one_output(serve: Serve, doubler: Path) -> None:
    served = serve("onnx", doubler, warmup={"data": [[1, 2, 3]]})
    for body in ({"data": [[1, 2, 3]]}, {"x.in": [[1, 2, 3]]}, [[1, 2, 3]]):
        assert served.ask(body) == [[2, 4, 6]]
    assert served.ask({"data": [[0.5, 2, 3]] * 2000}) == [[1, 4, 6]] * 2000  # read by the quick parser
    assert served.ask({"data": [[1, 2]]}) == (
        "400: The 'data' parameter does not match its type: "
        "Expected an array of shape (batch, 3), got (1, 2)."
    )
    told = served.describe()
    assert told["input"]["properties"]["data"]["items"]["maxItems"] == 3
    assert told["input"]["properties"]["data"]["description"] == "float32, shape (batch, 3)"
    assert told["input"]["example"] == {"data": [[1, 2, 3]]}
    assert told["output"]["description"] == "float32, shape (batch, 3)"


def test_several_inputs_and_outputs_of_several_types(serve: Serve, tmp_path: Path) -> None:
    folder = save(
        tmp_path,
        [
            ("Identity", ["words"], ["same"], {}),
            ("Cast", ["count"], ["half"], {"to": 10}),
        ],
        [("words", "STRING", [None]), ("count", "INT64", [1, 2])],
        [("same", "STRING", [None]), ("half", "FLOAT16", [1, 2])],
    )
    served = serve("onnx", folder)
    assert served.ask({"words": ["a", "ü"], "count": [[1, 2]]}) == {"same": ["a", "ü"], "half": [[1, 2]]}
    assert "'count' parameter. The model takes words, count" in served.ask({"words": ["a"]})
    assert "Expected an array of int64, got 1.5" in served.ask({"words": ["a"], "count": [[1, 1.5]]})
    with pytest.raises(InitFailed, match=r"input 'count', of shape \(1, 2\), is fixed"):
        serve("onnx", folder, batch=True)


def test_a_graph_with_a_free_first_axis_may_be_batched(serve: Serve, doubler: Path) -> None:
    served = serve("onnx", doubler, batch=True)
    assert served.script.batch > 1
    assert not serve("onnx", doubler).script.batch


@pytest.mark.parametrize("zipmap", [True, False])
def test_a_classifier_with_labels_of_text(serve: Serve, tmp_path: Path, zipmap: bool) -> None:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = np.array([[0.0], [1], [2], [3]], dtype=np.float32)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, ["lo", "lo", "hi", "hi"])
    graph = to_onnx(pipeline, rows[:1], options={"zipmap": zipmap})
    (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
    answer = serve("onnx", tmp_path).ask({"data": [[0], [3]]})
    label, chances = answer.values()
    assert label == ["lo", "hi"]
    assert sorted(chances[0]) == ["hi", "lo"] if zipmap else len(chances[0]) == 2


def test_dimensions_of_one_name_are_of_one_size(serve: Serve, tmp_path: Path) -> None:
    shape = ["n"]
    folder = save(
        tmp_path,
        [("Add", ["a", "b"], ["c"], {})],
        [("a", "FLOAT", shape), ("b", "FLOAT", shape)],
        [("c", "FLOAT", shape)],
    )
    served = serve("onnx", folder)
    assert served.ask({"a": [1], "b": [2]}) == [3]
    assert served.ask({"a": [1, 2], "b": [1, 2, 3]}) == (
        "400: The model's inputs 'a' and 'b' share the dimension 'n', which is 2 in one and 3 in the other."
    )


@pytest.mark.parametrize(
    ("wanted", "there", "chosen"),
    [
        ("", ["Azure", "CPU"], ["CPU"]),
        ("", ["Tensorrt", "CUDA", "CPU"], ["CUDA", "CPU"]),
        ("cpu", ["CUDA", "CPU"], ["CPU"]),
        (" TensorRT , CUDAExecutionProvider", ["Tensorrt", "CUDA", "CPU"], ["Tensorrt", "CUDA", "CPU"]),
        ("CPU,CUDA", ["CUDA", "CPU"], ["CUDA", "CPU"]),
    ],
)
def test_the_choice_of_providers(wanted: str, there: list[str], chosen: list[str]) -> None:
    from mlmagic.scoring.frameworks.onnx import providers

    full = [f"{name}ExecutionProvider" for name in there]
    assert providers(wanted, full) == [f"{name}ExecutionProvider" for name in chosen]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (
            "MLMAGIC_ONNX_PROVIDERS",
            "TPU",
            "MLMAGIC_ONNX_PROVIDERS names 'TPU', which the installed onnxruntime does not have. It has ",
        ),
        ("MLMAGIC_ONNX_THREADS", "many", "MLMAGIC_ONNX_THREADS is 'many': it must be a whole number"),
    ],
)
def test_bad_settings_are_refused(
    serve: Serve, doubler: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InitFailed) as caught:
        serve("onnx", doubler)
    assert words in str(caught.value)
