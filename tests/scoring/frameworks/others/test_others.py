"""TensorFlow, PyTorch and MLflow: each in an environment of its own, for they are large."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import mlmagic
from tests.support.environments import python_with

HERE = Path(__file__).parent
INSTALL_S = 900

pytestmark = [pytest.mark.processes, pytest.mark.timeout(INSTALL_S)]


def ask(framework: str, folder: Path, asked: list[Any]) -> list[dict[str, Any]]:
    """What the models that ``make_FRAMEWORK`` makes answer: see ask.py."""
    python = python_with(HERE / f"{framework}.txt", f"frameworks-{framework}")
    environment = {**os.environ, "PYTHONPATH": str(Path(mlmagic.__file__).parents[1])}
    environment |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(
        [str(python), str(HERE / "ask.py"), framework, str(folder)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        env=environment,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def test_tensorflow(tmp_path: Path) -> None:
    one, two, none = ask(
        "tensorflow",
        tmp_path,
        [
            ["one", {"data": [[1, 1, 1]]}, [{"data": [[1, 1, 1]]}, {"x": [[1, 0, 0]]}, {"data": [[1]]}]],
            ["two", None, [{"words": ["a", "ü"], "count": 2}, {"words": ["a"]}]],
            ["none", None, []],
        ],
    )
    assert one["answers"][:2] == [[[6]], [[1]]]
    assert "Expected an array of shape (any, 3), got (1, 1)" in one["answers"][2]
    assert one["input"]["properties"]["data"]["description"] == "float32, shape (any, 3)"
    answer, refused = two["answers"]
    assert (answer["count"], answer["upper"]) == (3, ["A", "ü"])
    assert "'count' parameter. The model takes count, words" in refused
    assert "has no signature 'serving_default' (it has none)" in none["failed"]


def test_pytorch(tmp_path: Path) -> None:
    bodies = [{"data": [[1, 1, 1]]}, {"data": [[1, 0, 0.5]]}]
    scripted, program, pickled, pair, embedding, weights = ask(
        "pytorch",
        tmp_path,
        [
            ["scripted", {"data": [[1, 2, 3]]}, [*bodies, {"data": [[1, 2]]}]],
            ["program", None, [*bodies, {"data": [[1, 2]]}]],
            ["pickled", None, bodies],
            ["pair", None, [{"left": [3], "right": [1]}, {"left": [3]}]],
            ["embedding", {"data": [2]}, [{"data": [1, 3]}]],
            ["weights", None, []],
        ],
    )
    for served in (scripted, program, pickled):
        assert served["answers"][:2] == [[[6]], [[2.5]]]
    for served in (scripted, program):
        assert "Expected an array of shape (any, 3), got (1, 2)" in served["answers"][2]
    assert program["input"]["properties"]["data"]["description"] == "float32, shape (any, 3)"
    assert pair["answers"][0] == [[4], [2]]
    assert "The model takes left, right" in pair["answers"][1]
    assert embedding["answers"] == [[[0, 1, 0, 0], [0, 0, 0, 1]]]
    assert "weights alone cannot be run" in weights["failed"]


def test_mlflow(tmp_path: Path) -> None:
    (served,) = ask(
        "mlflow",
        tmp_path,
        [
            [
                "model",
                {"data": [{"a": 0.5, "b": 1.5}]},
                [
                    {"data": [{"b": 5, "a": 2.5}]},
                    {"dataframe_split": {"columns": ["b", "a"], "data": [[5.0, 2.5]]}},
                    {"inputs": [[0.5, 1.5]]},
                    {"data": [{"a": 1}]},
                    {"data": [{"a": "x", "b": "y"}]},
                ],
            ]
        ],
    )
    assert served["answers"][:3] == [[1], [1], [0]]
    assert "got rows without 'b'" in served["answers"][3]
    assert "got text" in served["answers"][4]
    assert served["input"]["properties"]["data"]["items"]["required"] == ["a", "b"]
