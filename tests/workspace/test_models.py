from __future__ import annotations

import multiprocessing

import pytest

from mlmagic.core.events import EventKind
from mlmagic.core.model import Model, ModelDescription, ModelFilter, StoredFile
from mlmagic.core.names import ModelReference
from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.workspace import events, file_references, models
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory

FILES = (StoredFile("model.pkl", "0" * 64, 3),)


def _add(memory: Memory, name: str = "m", **values: object) -> Model:
    with memory.writing() as tx:
        return models.add(tx, ModelDescription(name, **values), FILES)  # type: ignore[arg-type]


def test_versions_count_up_per_name(memory: Memory) -> None:
    assert [_add(memory, name).id for name in ("a", "a", "b", "a")] == ["a:1", "a:2", "b:1", "a:3"]


def test_a_deleted_version_is_not_given_again(memory: Memory) -> None:
    _add(memory)
    _add(memory)
    with memory.writing() as tx:
        models.remove(tx, ModelReference("m", 2))
    assert _add(memory).version == 3


def test_a_model_is_read_as_it_was_written(memory: Memory) -> None:
    written = _add(memory, tags={"a": "1"}, properties={"p": "q"}, framework="Onnx", sample_input=[[1.5]])
    with memory.reading() as tx:
        assert models.get(tx, ModelReference("m")) == written


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (ModelFilter(), ["a:2", "a:1", "b:1"]),
        (ModelFilter(name="a"), ["a:2", "a:1"]),
        (ModelFilter(latest=True), ["a:2", "b:1"]),
        (ModelFilter(tags=("area",)), ["a:1", "b:1"]),
        (ModelFilter(tags=("area=health",)), ["a:1"]),
        (ModelFilter(properties=("p=q",)), ["b:1"]),
        (ModelFilter(framework="Onnx"), ["b:1"]),
        (ModelFilter(name="c"), []),
    ],
)
def test_filters(memory: Memory, wanted: ModelFilter, ids: list[str]) -> None:
    _add(memory, "a", tags={"area": "health"})
    _add(memory, "a")
    _add(memory, "b", tags={"area": "wine"}, properties={"p": "q"}, framework="Onnx")
    with memory.reading() as tx:
        assert [model.id for model in models.list_models(tx, wanted)] == ids


def test_what_is_missing_is_told_with_what_is_there(memory: Memory) -> None:
    for name in ("diabetes", "diabetes", "wine"):
        _add(memory, name)
    with memory.reading() as tx:
        with pytest.raises(NotFound, match=r"Model not found: 'diabetes:7'\. diabetes has versions 1-2"):
            models.get(tx, ModelReference("diabetes", 7))
        with pytest.raises(NotFound, match="Did you mean 'diabetes'"):
            models.get(tx, ModelReference("diabtes"))


def test_tags_are_replaced_and_properties_never_change(memory: Memory) -> None:
    _add(memory, tags={"a": "1"}, properties={"p": "q"})
    with memory.writing() as tx:
        changed = models.change(tx, ModelReference("m"), tags={"b": "2"}, add_properties={"r": "s"})
    assert (changed.tags, changed.properties) == ({"b": "2"}, {"p": "q", "r": "s"})
    with memory.writing() as tx, pytest.raises(UsageError, match=r"properties \['p'\] of m:1"):
        models.change(tx, ModelReference("m"), add_properties={"p": "other"})
    with memory.writing() as tx, pytest.raises(InvalidConfig):
        models.change(tx, ModelReference("m"), tags={"b": 2})  # type: ignore[dict-item]


def test_contents_go_with_their_last_holder(memory: Memory) -> None:
    _add(memory, "a")
    _add(memory, "b")
    with memory.writing() as tx:
        models.remove(tx, ModelReference("a", 1))
        assert file_references.unreferenced_digests(tx) == []
        models.remove(tx, ModelReference("b", 1))
        assert file_references.unreferenced_digests(tx) == [FILES[0].digest]


def test_a_transaction_that_fails_leaves_nothing(memory: Memory) -> None:
    def fail() -> None:
        with memory.writing() as tx:
            models.add(tx, ModelDescription("m"), FILES)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with memory.reading() as tx:
        assert models.list_models(tx, ModelFilter()) == []
        assert events.after(tx, 0) == []
    assert _add(memory).version == 1


def test_each_change_is_an_event(memory: Memory) -> None:
    _add(memory, tags={"a": "1"})
    with memory.writing() as tx:
        models.change(tx, ModelReference("m"), description="x")
        models.remove(tx, ModelReference("m"))
    with memory.reading() as tx:
        kinds = [event.kind for event in events.after(tx, 0)]
    assert kinds == [EventKind.MODEL_REGISTERED, EventKind.MODEL_UPDATED, EventKind.MODEL_DELETED]


def _register_many(location: Location, count: int) -> list[int]:
    from mlmagic.engine.engine import Engine

    engine = Engine(location, supervise=False, use_daemon=False)
    path = location.folder.with_suffix(".bin")
    try:
        return [engine.models.register(path, ModelDescription("many")).version for _ in range(count)]
    finally:
        engine.close()


@pytest.mark.processes
def test_eight_processes_at_once_lose_and_double_nothing(location: Location) -> None:
    location.folder.with_suffix(".bin").write_bytes(b"model")
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        given = pool.starmap(_register_many, [(location, 25)] * 8)
    assert sorted(version for versions in given for version in versions) == list(range(1, 201))
    memory = Memory(location)
    with memory.reading() as tx:
        listed = models.list_models(tx, ModelFilter(name="many"))
    assert [model.version for model in listed] == list(range(200, 0, -1))
    assert not memory.files.has_intakes
    memory.close()
