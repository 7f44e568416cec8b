"""The models, made the same way each time, with a row to ask for and what the model itself says to it.

ridge        Ridge by scikit-learn, 10 features          model.pkl
forest       random forest of 100 trees, 10 features   model.pkl
boosting     gradient boosting of 100 trees            model.pkl
ridge-onnx   the same arithmetic as ONNX                 model.onnx
mlp          10 -> 128 -> 128 -> 3, softmax              model.onnx
cnn          1x28x28, two convolutions, 10 classes       model.onnx
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROWS = 64
"""So many different rows are asked for to see that a server answers each with its own."""


@dataclass(frozen=True)
class Model:
    """A model on disk. ``rows`` are nested lists, ``answers`` what the model says to each."""

    name: str
    folder: Path
    rows: list[Any]
    answers: list[Any]

    @property
    def kind(self) -> str:
        """What reads it: ``sklearn`` or ``onnx``."""
        return "sklearn" if (self.folder / "model.pkl").exists() else "onnx"

    @property
    def shape(self) -> list[int]:
        """The shape of one row."""
        shape, level = [], self.rows[0]
        while isinstance(level, list):
            shape.append(len(level))
            level = level[0]
        return shape


def make(name: str, folder: Path) -> Model:
    """Write the model under ``folder`` and ask it for all rows."""
    import numpy as np

    place = folder / name
    place.mkdir(parents=True)
    random = np.random.default_rng(7)
    shape = (1, 28, 28) if name == "cnn" else (10,)
    rows = random.normal(size=(ROWS, *shape)).round(4)
    predict = _MAKERS[name](place, random)
    return Model(name, place, rows.tolist(), [predict(rows[i : i + 1])[0].tolist() for i in range(ROWS)])


def _ridge(place: Path, random: Any) -> Callable[[Any], Any]:
    return _dumped(place, _fitted(random))


def _fitted(random: Any) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge().fit(*_data(random))


def _data(random: Any) -> tuple[Any, Any]:
    features = random.normal(size=(442, 10))
    return features, features @ random.normal(size=10) + random.normal(size=442)


def _forest(place: Path, random: Any) -> Callable[[Any], Any]:
    from sklearn.ensemble import RandomForestRegressor

    return _dumped(place, RandomForestRegressor(100, random_state=7).fit(*_data(random)))


def _boosting(place: Path, random: Any) -> Callable[[Any], Any]:
    from sklearn.ensemble import GradientBoostingRegressor

    return _dumped(place, GradientBoostingRegressor(random_state=7).fit(*_data(random)))


def _dumped(place: Path, estimator: Any) -> Callable[[Any], Any]:
    import joblib

    joblib.dump(estimator, place / "model.pkl")
    predict: Callable[[Any], Any] = estimator.predict
    return predict


def _ridge_onnx(place: Path, random: Any) -> Callable[[Any], Any]:
    import numpy as np
    from onnx import helper

    ridge = _fitted(random)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["xw"]),
        helper.make_node("Add", ["xw", "b"], ["xwb"]),
        helper.make_node("Reshape", ["xwb", "flat"], ["y"]),
    ]
    weights = {
        "w": ridge.coef_.reshape(10, 1).astype(np.float32),
        "b": np.array([ridge.intercept_], dtype=np.float32),
        "flat": np.array([-1], dtype=np.int64),
    }
    return _onnx(place, nodes, weights, ["n", 10], ["n"])


def _mlp(place: Path, random: Any) -> Callable[[Any], Any]:
    from onnx import helper

    weights, nodes, last = {}, [], "x"
    for number, (into, out) in enumerate(((10, 128), (128, 128), (128, 3))):
        weights[f"w{number}"] = _normal(random, (into, out), into)
        weights[f"b{number}"] = _normal(random, (out,), out)
        nodes.append(helper.make_node("Gemm", [last, f"w{number}", f"b{number}"], [f"h{number}"]))
        last = f"h{number}"
        if number < 2:
            nodes.append(helper.make_node("Relu", [last], [f"r{number}"]))
            last = f"r{number}"
    nodes.append(helper.make_node("Softmax", [last], ["y"], axis=1))
    return _onnx(place, nodes, weights, ["n", 10], ["n", 3])


def _cnn(place: Path, random: Any) -> Callable[[Any], Any]:
    from onnx import helper

    weights = {
        "k0": _normal(random, (8, 1, 3, 3), 9),
        "k1": _normal(random, (16, 8, 3, 3), 72),
        "w": _normal(random, (400, 10), 400),
        "b": _normal(random, (10,), 10),
    }
    nodes = [
        helper.make_node("Conv", ["x", "k0"], ["c0"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c0"], ["r0"]),
        helper.make_node("MaxPool", ["r0"], ["p0"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p0", "k1"], ["c1"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("MaxPool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p1"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["g"]),
        helper.make_node("Softmax", ["g"], ["y"], axis=1),
    ]
    return _onnx(place, nodes, weights, ["n", 1, 28, 28], ["n", 10])


def _normal(random: Any, shape: tuple[int, ...], fan_in: int) -> Any:
    return (random.normal(size=shape) / fan_in**0.5).astype("float32")


def _onnx(
    place: Path, nodes: list[Any], weights: dict[str, Any], takes: list[Any], gives: list[Any]
) -> Callable[[Any], Any]:
    import onnxruntime
    from onnx import TensorProto, checker, helper, numpy_helper, save

    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, takes)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, gives)],
        [numpy_helper.from_array(value, key) for key, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(made)
    path = place / "model.onnx"
    save(made, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda rows: session.run(None, {"x": rows.astype("float32")})[0]


_MAKERS: dict[str, Callable[[Path, Any], Callable[[Any], Any]]] = {
    "ridge": _ridge,
    "forest": _forest,
    "boosting": _boosting,
    "ridge-onnx": _ridge_onnx,
    "mlp": _mlp,
    "cnn": _cnn,
}
NAMES = tuple(_MAKERS)
