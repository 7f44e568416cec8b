"""The browser that tests look through."""

import shutil
from pathlib import Path

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
