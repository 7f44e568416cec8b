from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from mlmagic.core.model import Model, ModelDescription, ModelFilter, StoredFile
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, MLMagicError, UsageError
from mlmagic.targets.fake import FakeTarget
from mlmagic.widgets.models_grid.grid import MODELS, ModelsGrid
from mlmagic.widgets.models_grid.live_models import MOST_FILES, details, row, with_tag, without_tag
from tests.support.cards import HOSTILE
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.waiting import wait_for

Register = Callable[..., Model]
MakeGrid = Callable[..., ModelsGrid]


@pytest.fixture
def register(fake_engine: Engine, tmp_path: Path) -> Register:
    file = tmp_path / "model.txt"
    file.write_text("x")
    return lambda name, engine=fake_engine, **more: engine.models.register(
        file, ModelDescription(name, **more)
    )


@pytest.fixture
def make_grid(fake_engine: Engine) -> Iterator[MakeGrid]:
    made: list[ModelsGrid] = []

    def make(wanted: ModelFilter | None = None) -> ModelsGrid:
        made.append(ModelsGrid(fake_engine, wanted))
        return made[-1]

    yield make
    for grid in made:
        grid.close_table()


@pytest.mark.parametrize(
    ("change", "text", "tags"),
    [
        (with_tag, " b=2 ", {"a": "1", "b": "2"}),
        (with_tag, "a=b=c", {"a": "b=c"}),
        (with_tag, "a", InvalidConfig),
        (with_tag, "", InvalidConfig),
        (without_tag, "a", {}),
        (without_tag, "a=1", {}),
        (without_tag, "b", UsageError),
    ],
)
def test_tags_after_a_change(
    change: Callable[[Mapping[str, str], str], Mapping[str, str]],
    text: str,
    tags: dict[str, str] | type[MLMagicError],
) -> None:
    if isinstance(tags, dict):
        assert change({"a": "1"}, text) == tags
    else:
        with pytest.raises(tags):
            change({"a": "1"}, text)


def test_a_row_and_what_it_opens_to() -> None:
    files = tuple(StoredFile(f"part-{number}", "0" * 64, 1000) for number in range(MOST_FILES + 2))
    described = ModelDescription(
        "wine", {"note": HOSTILE}, framework="Onnx", framework_version="1.16", libraries={"onnx": "1.16"}
    )
    model = Model(described, 2, files, 5.0)
    assert row(model, ["a-svc", "b-svc"]) == {
        "id": "wine:2",
        "name": "wine:2",
        "model": "wine",
        "version": 2,
        "framework": "Onnx 1.16",
        "tags": [["note", HOSTILE]],
        "size": ["202 kB", 202_000],
        "registered": 5.0,
        "users": "a-svc, b-svc",
    }
    opened = details(model)
    assert opened["pairs"] == [["Libraries", "onnx 1.16"]]
    assert opened["files"][0] == ["part-0", "1 kB"]
    assert (len(opened["files"]), opened["more_files"]) == (MOST_FILES, 2)


def test_it_follows_the_registry_and_who_uses_it(
    fake_engine: Engine, fake: FakeTarget, make_engine: MakeEngine, register: Register, make_grid: MakeGrid
) -> None:
    register("wine")
    grid = make_grid()
    other = make_engine(targets=lambda name: fake)
    register("iris", other)
    wait_for(lambda: [each["id"] for each in grid.rows] == ["iris:1", "wine:1"], "another kernel's")
    other.services.deploy("wine-svc", ["wine"], script(), ON_FAKE)
    wait_for(lambda: [each["users"] for each in grid.rows] == ["", "wine-svc"], "who uses it")


def test_tags_are_added_and_removed(fake_engine: Engine, register: Register, make_grid: MakeGrid) -> None:
    register("wine", tags={"a": "1"})
    register("iris")
    grid = make_grid(ModelFilter("wine"))
    assert [each["id"] for each in grid.rows] == ["wine:1"]
    assert grid.outcome("add_tag", {"model": "wine:1", "tag": "stage=prod"}) == {"value": None}
    wait_for(lambda: grid.rows[0]["tags"] == [["a", "1"], ["stage", "prod"]], "the tag")
    grid.outcome("remove_tag", {"model": "wine:1", "tag": "a=1"})
    wait_for(lambda: fake_engine.models.get("wine:1").tags == {"stage": "prod"}, "the other alone")
    refused = grid.outcome("add_tag", {"model": "wine:1", "tag": HOSTILE.replace("=", " ")})["error"]
    assert "must be KEY=VALUE" in refused
    assert "Model not found: 'other:1'" in grid.outcome("details", {"model": "other:1"})["error"]


def test_the_output_names_the_models_for_our_extension(make_grid: MakeGrid, fake_engine: Engine) -> None:
    data, _ = make_grid(ModelFilter("wine", latest=True))._repr_mimebundle_()
    assert data[MODELS]["workspace"] == fake_engine.location.key
    assert data[MODELS]["filter"]["name"] == "wine"
    assert data["text/plain"] == "models: live table (it needs a running kernel)"
