from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mlmagic.core.model import Model, ModelDescription, ModelFilter
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, MLMagicError, UsageError
from mlmagic.targets.fake import FakeTarget
from mlmagic.widgets.models_browser import ALL, ModelsBrowser, chosen, with_tag, without_tag
from tests.support.cards import HOSTILE
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.waiting import wait_for

Register = Callable[..., Model]


@pytest.fixture
def register(fake_engine: Engine, tmp_path: Path) -> Register:
    file = tmp_path / "model.txt"
    file.write_text("x")
    return lambda name, engine=fake_engine, **more: engine.models.register(
        file, ModelDescription(name, **more)
    )


ROWS = [
    (Model(ModelDescription(name), version, (), 0.0), [name, str(version), *more])
    for name, version, *more in (("wine", 2, "area=shop"), ("wine", 1, "wine-svc"), ("iris", 1, "Onnx"))
]


@pytest.mark.parametrize(
    ("wanted", "name", "ids"),
    [
        ("", None, ["wine:2", "wine:1", "iris:1"]),
        (" ONNX ", None, ["iris:1"]),
        ("svc", None, ["wine:1"]),
        ("", "wine", ["wine:2", "wine:1"]),
        ("onnx", "wine", []),
    ],
)
def test_which_versions_are_shown(wanted: str, name: str | None, ids: list[str]) -> None:
    assert [model.id for model, _ in chosen(ROWS, wanted, name)] == ids


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


def test_it_follows_the_registry_and_who_uses_it(
    fake_engine: Engine, fake: FakeTarget, make_engine: MakeEngine, register: Register
) -> None:
    register("wine", tags={"note": HOSTILE})
    browser = ModelsBrowser(fake_engine)
    assert "1 model version<" in browser.rows.value
    assert "&lt;img" in browser.rows.value
    assert "<img" not in browser.rows.value
    other = make_engine(targets=lambda name: fake)
    register("iris", other)
    wait_for(lambda: browser.name.options == (ALL, "iris", "wine"), "what another kernel registered")
    other.services.deploy("wine-svc", ["wine"], script(), ON_FAKE)
    wait_for(lambda: "wine-svc" in browser.rows.value, "who uses it")
    browser.name.value = "iris"
    assert "wine" not in browser.rows.value
    assert browser.version.options == ("iris:1",)
    browser.filter.value = "nothing like it"
    assert "No models match." in browser.rows.value
    assert browser.add.disabled
    browser.close_browser()


def test_tags_are_added_and_removed(fake_engine: Engine, register: Register) -> None:
    register("wine", tags={"a": "1"})
    register("iris")
    browser = ModelsBrowser(fake_engine, ModelFilter("wine"))
    assert browser.version.value == "wine:1"
    browser.tag.value = "stage=prod"
    browser.add.click()
    wait_for(lambda: "a=1, stage=prod" in browser.rows.value, "the tag")
    wait_for(lambda: not browser.work.doing, "the button")
    browser.tag.value = "a"
    browser.remove.click()
    wait_for(lambda: fake_engine.models.get("wine:1").tags == {"stage": "prod"}, "the other alone")
    wait_for(lambda: not browser.work.doing, "the button")
    browser.tag.value = HOSTILE
    browser.add.click()
    wait_for(lambda: "&lt;img" in browser.rows.value, "what is text there")
    assert "<img" not in browser.rows.value
    wait_for(lambda: not browser.work.doing, "the button")
    browser.tag.value = "<img>"
    browser.add.click()
    wait_for(lambda: "failed" in browser.told.value, "the refusal")
    assert "&lt;img&gt;" in browser.told.value
    assert "must be KEY=VALUE" in browser.told.value
    browser.close_browser()
