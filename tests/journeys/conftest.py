from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location
from tests.support.browser import ARTIFACTS, BROWSER, FLAGS, WAIT_SECONDS
from tests.support.environments import jupyter_with_wheel
from tests.support.jupyter_clients import VERSIONS, Client, serving


@pytest.fixture
def location(tmp_path: Path) -> Location:
    return Location.of_folder(tmp_path / "ws")


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of a real Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not BROWSER:
        pytest.skip("chromium is not installed")
    ARTIFACTS.mkdir(exist_ok=True)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 2400})
        page.set_default_timeout(WAIT_SECONDS * 1000)
        yield page
        browser.close()


@pytest.fixture(scope="module", params=VERSIONS, ids=lambda version: version or "newest")
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Python of a fresh environment with our wheel and a version of JupyterLab."""
    with jupyter_with_wheel(request.param, VERSIONS[request.param], tmp_path_factory.mktemp("wheel")) as made:
        yield made


@pytest.fixture
def extension() -> Mapping[str, bool]:
    """What of our JupyterLab extension is there: see `serving`."""
    return {}


@pytest.fixture
def lab(
    tmp_path: Path,
    location: Location,
    engine: Engine,
    page: Any,
    cells: Sequence[str],
    extension: Mapping[str, bool],
) -> Iterator[Client]:
    """A JupyterLab in which a notebook with these ``cells`` is open, and all of them have run."""
    with serving("lab", tmp_path / "jupyter", location, cells, **extension) as url:
        client = Client(page, url)
        client.open()
        client.run_all()
        yield client
