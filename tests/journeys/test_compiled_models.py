"""Compiled models in JupyterLab: what the table of models and a service's card say of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.journeys.themes import check_themes
from tests.support.browser import ARTIFACTS
from tests.support.jupyter_clients import Client

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

CELLS = [
    "%load_ext mlmagic\n"
    "import numpy as np\n"
    "from sklearn.linear_model import Ridge\n"
    "rows = np.random.default_rng(7).normal(size=(100, 4))\n"
    "ridge = Ridge().fit(rows, rows @ [1.0, 2.0, 3.0, 4.0])\n"
    "centres = {'a': [0.0, 1.0]}",
    "%register ridge --name prices --compile --sample {rows[:2].tolist()} -o model",
    "%register centres --name centres --compile -o other",
    "%deploy prices-svc -m prices",
    "%models",
]

FORM = [CELLS[0], "%register ridge --name prices --sample {rows[:2].tolist()}", "%deploy"]


@pytest.fixture
def cells() -> Sequence[str]:
    return CELLS


def test_what_is_compiled_is_said(lab: Client, page: Any) -> None:
    compiled = "Compiled: predict (equal to"
    card = page.get_by_role("group", name="Service prices-svc")
    card.locator("summary", has_text="Details").click()
    card.get_by_text(compiled).wait_for()
    models = page.get_by_role("group", name="Models")
    for model, words in (("prices:1", compiled), ("centres:1", "Not compiled: ")):
        models.get_by_role("button", name=model).click()
        models.get_by_text(words).wait_for()
    assert page.get_by_text(f"prices: {compiled}").count() == 1
    lab.command("application:toggle-left-area")
    check_themes(lab, page, "compiled", widths=(480, 1400), height=2000)


@pytest.mark.parametrize("cells", [FORM])
def test_a_form_has_models_compiled(lab: Client, page: Any) -> None:
    page.get_by_label("Model", exact=True).wait_for()
    page.locator("summary", has_text="Behaviour:").click()
    page.get_by_label("Compiled models: served by ONNX Runtime where they are proven equal").check()
    page.locator("summary", has_text="Behaviour: compiled models").wait_for()
    page.get_by_role("button", name="Deploy", exact=True).click()
    card = page.get_by_role("group", name="Service prices-svc")
    card.locator("summary", has_text="Details").click()
    card.get_by_text("Compiled: predict (equal to").wait_for()
    page.screenshot(path=ARTIFACTS / "compiled-form.png")
