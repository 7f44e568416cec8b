"""The page for people, in a real browser. Screenshots are left in tests/artifacts to be looked at."""

import re

import pytest

from tests.support.browser import ARTIFACTS, BROWSER, FLAGS

SCRIPT = """
from dataclasses import dataclass
import numpy as np
from numpy.typing import NDArray

warmup = {"rows": [[1.0, 2.0], [3.0, 4.0]], "who": {"name": "Ada"}}

@dataclass
class Patient:
    name: str
    age: int | None = None

def init():
    pass

def run(rows: NDArray[np.float64], who: Patient, top: int = 3) -> list[float]:
    return rows.sum(axis=1)
"""


def test_the_page_is_there(ask, make_script):
    response = ask(make_script(SCRIPT), b"/docs", method=b"GET")
    assert response.status == 200
    assert b"http://" not in response.body
    assert b"https://" not in response.body
    assert "Content-Security-Policy: default-src 'self'" in response.head


@pytest.mark.processes
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_request_can_be_tried(start_script, scheme):
    from playwright.sync_api import expect, sync_playwright

    url = start_script(SCRIPT).report("serving").url
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page(color_scheme=scheme, viewport={"width": 900, "height": 1100})
        asked, troubles = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(f"{url}/docs")
        expect(page.locator("#input")).to_contain_text('"rows": [[number, …], …]')
        expect(page.locator("#input")).to_contain_text('"age"?: integer | null')
        expect(page.locator("#output")).to_have_text("[number, …]")
        expect(page.locator("#body")).to_have_value(re.compile(r"\[1, 2\]"))
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_contain_text("200 OK")
        expect(page.locator("#answer")).to_have_text("[3, 7]")
        page.screenshot(path=ARTIFACTS / f"docs-{scheme}.png", full_page=True)
        page.locator("#body").fill('{"rows": [[1]]}')
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#status")).to_contain_text("400")
        expect(page.locator("#answer")).to_contain_text("of shape (any, 2), got (1, 1)")
        expect(page.locator("#curl")).to_contain_text(f"curl {url}/score")
        browser.close()
    assert all(each.startswith(url) for each in asked)
    assert [each for each in troubles if "400" not in each] == []
