"""How soon the panel answers somebody, with many services and a flood of events:
`python -m tests.benchmarks.interactions`.

200 services on the fake target, whose figures change every second, are supervised by a process of their
own, and another process writes 2,000 events a minute. A real Chromium has JupyterLab's panel open. Each
interaction is done 20 times; the time is from the event until the browser has painted what follows from it.
The target: under 100 ms.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from mlmagic.workspace.location import Location
from tests.benchmarks.cards import supervised
from tests.benchmarks.panel import writing
from tests.support.browser import BROWSER, FLAGS
from tests.support.jupyter_clients import Client, serving

TIMED = """async ([act, there]) => {
    const panel = document.querySelector('#mlmagic-panel');
    const painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    const began = performance.now();
    new Function('panel', act)(panel);
    const holds = new Function('panel', 'return ' + there);
    while (!holds(panel)) await painted();
    await painted();
    return performance.now() - began;
}"""
SEARCH = "const box = panel.querySelector('input[type=search]'); "
ROW = "panel.querySelectorAll('tbody > tr > th > button')"
INTERACTIONS = (
    ("sort the table", "panel.querySelectorAll('.mlmagic-sort')[1].click()", "true"),
    (
        "filter it",
        f"{SEARCH}box.value = 'svc-19'; box.dispatchEvent(new Event('input'))",
        f"{ROW}.length < 12",
    ),
    ("show all", f"{SEARCH}box.value = ''; box.dispatchEvent(new Event('input'))", f"{ROW}.length >= 200"),
    ("open a card", f"{ROW}[0].click()", "panel.querySelector('.mlmagic-card .mlmagic-head')"),
    ("close it", f"{ROW}[0].click()", "!panel.querySelector('.mlmagic-card')"),
)
TIMES = 20


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--services", type=int, default=200)
    options.add_argument("--events", type=int, default=2000, help="Events a minute.")
    given = options.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        location = Location.of_folder(Path(name) / "ws")
        with (
            supervised(location.folder, given.services),
            serving("lab", Path(name) / "jupyter", location) as url,
            sync_playwright() as driver,
        ):
            browser = driver.chromium.launch(executable_path=BROWSER, headless=True, args=FLAGS)
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            opened = Client(page, url)
            opened.open()
            opened.command("mlmagic:show-services")
            page.locator("#mlmagic-panel tbody > tr").nth(given.services - 1).wait_for(state="attached")
            print(f"{'interaction':18}{'events a minute':>18}{'median ms':>12}{'slowest ms':>12}")
            for per_minute in (0, given.events):
                with writing(location, given.services, per_minute):
                    _measure(page, per_minute)
            browser.close()


def _measure(page: Any, per_minute: int) -> None:
    taken: dict[str, list[float]] = {name: [] for name, *_ in INTERACTIONS}
    for _ in range(TIMES):  # interleaved
        for name, act, there in INTERACTIONS:
            taken[name].append(page.evaluate(TIMED, [act, there]))
    for name, times in taken.items():
        print(f"{name:18}{per_minute:18}{statistics.median(times):12.0f}{max(times):12.0f}", flush=True)


if __name__ == "__main__":
    main()
