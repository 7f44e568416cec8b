"""The wheel as a user installs it, in the JupyterLab and Notebook versions that it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location
from tests.support.browser import ARTIFACTS
from tests.support.jupyter_clients import Client, serving

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

CELLS = [
    "%load_ext mlmagic",
    "%%score_script echo\ndef init():\n    pass\n\ndef run(raw):\n    return raw",
    "%deploy echo --script echo",
    "%services",
]


@pytest.mark.parametrize("client", ["lab", "notebook"])
def test_outputs_are_live_with_and_without_a_kernel(
    client: str, python: str, tmp_path: Path, location: Location, engine: Engine, page: Any
) -> None:
    errors: list[str] = []
    requested: list[str] = []
    page.on("console", lambda each: each.type == "error" and errors.append(each.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda each: requested.append(each.url))
    forged: list[str] = []
    page.on("request", lambda each: _may_be_forged(each) and forged.append(each.url))
    with serving(client, tmp_path / "jupyter", location, CELLS, python=python) as url:
        opened = Client(page, url)
        opened.open()
        opened.run_all()
        card = page.locator(".mlmagic-output").get_by_role("group", name="Service echo")
        state = card.get_by_role("status", name="State of echo")
        state.get_by_text("Healthy").wait_for()
        table = page.locator(".mlmagic-output").get_by_role("group", name="Services")
        table.get_by_role("button", name="echo", exact=True).wait_for()
        opened.save()
        opened.without_kernel()
        # The mark moves the card down: a click at that moment would miss the button.
        page.get_by_text("Served by echo").wait_for()
        card.get_by_role("button", name="Stop echo").click()
        state.get_by_text("Stopped").wait_for()
        table.get_by_role("row", name="echo").get_by_text("Stopped").wait_for()
        assert "model not found" not in page.content()
        page.screenshot(path=ARTIFACTS / f"versions-{client}.png")
        opened.command("mlmagic:show-services")
        page.locator("#mlmagic-panel").get_by_role("button", name="echo", exact=True).wait_for()
        assert [each for each in errors if "mlmagic" in each.lower()] == []
        server = url.split("/")[2]
        outside = [each for each in requested if each.startswith("http") and each.split("/")[2] != server]
        assert outside == [], "no request leaves the machine"
        assert forged == [], "JupyterHub answers no request without its token"


def _may_be_forged(request: Any) -> bool:
    """Whether a request to our half of the server has no XSRF token, as an import by the browser has none."""
    path = "/" + request.url.split("/", 3)[-1]
    return path.startswith("/mlmagic/") and "x-xsrftoken" not in request.headers
