"""Which models a deployment serves compiled, and what people read of it."""

from __future__ import annotations

import json

import pytest

from mlmagic.core import compiled_models
from mlmagic.core.compilation import Compilation
from mlmagic.core.model import CompiledFile, Model, ModelDescription, StoredFile

PART = StoredFile("model.onnx", "d" * 64, 7)
DONE = CompiledFile("model.pkl", "k", Compilation("", ("predict", "predict_proba"), 1e-12, 2000), (PART,))
REFUSED = CompiledFile("other.pkl", "k", Compilation.refused("no converter for MLPWarper"))
MODULES = ("joblib", "sklearn.linear_model._ridge")


def model(*compiled: CompiledFile, name: str = "m", compile: bool = False) -> Model:
    return Model(ModelDescription(name, compile=compile, modules=MODULES), 1, (), 0.0, compiled)


@pytest.mark.parametrize(
    ("registered", "asked", "is_used"),
    [
        (True, None, True),
        (False, None, False),
        (False, True, True),
        (True, True, True),
        (True, False, False),
        (False, False, False),
    ],
)
def test_a_deployment_decides_and_else_the_registration(
    registered: bool, asked: bool | None, is_used: bool
) -> None:
    found = compiled_models.chosen([model(DONE, compile=registered)], asked)
    assert found == ({"m:1": (DONE,)} if is_used else {})


def test_a_model_that_nobody_has_compiled_is_not_among_them() -> None:
    assert compiled_models.chosen([model(compile=True)], True) == {}


def test_parts_have_the_paths_of_the_files_that_they_serve_for() -> None:
    parts = compiled_models.parts_of({"m:1": (DONE, REFUSED)})
    assert parts == (StoredFile("m/1/model.pkl/model.onnx", "d" * 64, 7),)
    assert compiled_models.has_parts({"m:1": (DONE, REFUSED)})
    assert not compiled_models.has_parts({"m:1": (REFUSED,)})


COMPILED = "Compiled: predict, predict_proba (equal to 1e-12 on 2,000 rows)"
NOT = "Not compiled: no converter for MLPWarper"


@pytest.mark.parametrize(
    ("compiled", "lines"),
    [
        ({}, ()),
        ({"m:1": (DONE,)}, (COMPILED,)),
        ({"m:1": (DONE, REFUSED)}, (f"model.pkl: {COMPILED}", f"other.pkl: {NOT}")),
        ({"a:1": (DONE,), "b:2": (REFUSED,)}, (f"a:1: {COMPILED}", f"b:2: {NOT}")),
    ],
)
def test_what_people_read(compiled: compiled_models.Compiled, lines: tuple[str, ...]) -> None:
    assert compiled_models.lines_of(compiled) == lines


def test_a_record_holds_all_of_it() -> None:
    compiled = {"m:1": (DONE, REFUSED)}
    records = json.loads(json.dumps(compiled_models.to_records(compiled)))
    assert compiled_models.of_records(records) == compiled
    assert compiled_models.of_records(None) == {}
    assert compiled_models.of_record(None) == ()


@pytest.mark.parametrize(
    ("models", "named", "modules"),
    [
        ([model()], ("sklearn",), ("sklearn", *MODULES)),
        ([model(DONE)], ("sklearn", "pandas"), ("pandas", "joblib", "onnxruntime")),
        ([model(DONE, REFUSED)], (), (*MODULES, "onnxruntime")),
        ([model(DONE), model(name="other")], (), (*MODULES, *MODULES, "onnxruntime")),
    ],
)
def test_the_library_of_an_estimator_is_imported_only_where_it_serves(
    models: list[Model], named: tuple[str, ...], modules: tuple[str, ...]
) -> None:
    compiled = compiled_models.chosen(models, True)
    assert compiled_models.modules_to_import(named, models, compiled) == modules


@pytest.mark.parametrize(
    ("requirements", "adds"),
    [((), True), (("numpy==2.0",), True), (("onnxruntime",), False), (("ONNXruntime==1.18.0",), False)],
)
def test_requirements_name_what_serves_compiled_models(requirements: tuple[str, ...], adds: bool) -> None:
    found = compiled_models.with_runtime(requirements)
    assert found[: len(requirements)] == requirements
    assert [line.partition("==")[0] for line in found[len(requirements) :]] == ["onnxruntime"] * adds
