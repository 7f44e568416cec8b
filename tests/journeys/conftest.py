from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import BROWSER, FLAGS, WAIT_SECONDS


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of a real Chromium that reaches this machine alone."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not BROWSER:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 1400})
        page.set_default_timeout(WAIT_SECONDS * 1000)
        yield page
        browser.close()
