"""The browser that tests look through."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
WAIT_SECONDS = 60.0
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def pictured(page: Any, name: str) -> Iterator[None]:
    """How the page looked when the block failed is kept as a picture."""
    try:
        yield
    except BaseException:
        page.screenshot(path=ARTIFACTS / f"failed-{name}.png")
        raise
