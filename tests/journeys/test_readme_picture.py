"""The picture at the top of the README: a notebook that captures, deploys and scores a script."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]
REQUESTS = 400
"""Enough for the card to show a throughput and percentiles."""

PICTURES = Path(__file__).parent / ("pictures" if os.environ.get("MLMAGIC_PICTURES") else "../artifacts")
"""Set MLMAGIC_PICTURES to replace the pictures of the README."""


@pytest.fixture
def cells() -> Sequence[str]:
    return [
        "%load_ext mlmagic\n"
        "from sklearn.datasets import load_diabetes\n"
        "from sklearn.linear_model import Ridge\n\n"
        "patients, progression = load_diabetes(return_X_y=True)\n"
        "ridge = Ridge().fit(patients, progression)\n"
        "%register ridge --name diabetes --tag area=health --sample {patients[:2].round(2).tolist()}",
        "%%score_script diabetes\n"
        "import json, os\n"
        "import joblib\n\n"
        "def init():\n"
        "    global model\n"
        '    model = joblib.load(os.path.join(os.getenv("AZUREML_MODEL_DIR"), "model.pkl"))\n\n'
        "def run(raw_data):\n"
        '    return model.predict(json.loads(raw_data)["data"]).tolist()',
        "svc = %deploy diabetes-svc -m diabetes",
        '%score diabetes-svc {"data": patients[:3].tolist()}',
    ]


def test_the_first_example(lab: Any, page: Any) -> None:
    deployed = page.locator(".jp-Notebook-cell").nth(2)
    url = deployed.locator(".mlmagic-address code").inner_text()
    body = {"data": [[0.0] * 10]}
    with requests.Session() as session:
        for _ in range(REQUESTS):
            assert session.post(url, json=body, timeout=30).status_code == 200
            time.sleep(0.02)
    deployed.get_by_text(str(REQUESTS + 1), exact=True).wait_for()
    page.locator(".jp-Notebook-cell").nth(3).locator(".jp-OutputArea-executeResult").wait_for()
    lab.command("application:set-mode", "{mode: 'single-document'}")
    lab.command("application:toggle-left-area")
    page.set_viewport_size({"width": 960, "height": 1800})
    cells = page.locator(".jp-Notebook-cell")
    cells.first.click()
    top, bottom = cells.nth(1).bounding_box(), cells.nth(3).bounding_box()
    height = bottom["y"] + bottom["height"] - top["y"]
    clip = {"x": top["x"], "y": top["y"], "width": top["width"], "height": height}
    page.screenshot(path=PICTURES / "first.png", clip=clip)
