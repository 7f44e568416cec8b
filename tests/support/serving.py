"""Entry scripts for the server's tests."""

from __future__ import annotations

from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "scoring" / "scripts"
