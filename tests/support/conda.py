"""Environments as a workspace keeps them."""

from __future__ import annotations

from typing import Any


def conda(*packages: Any, **more: Any) -> dict[str, Any]:
    return {"python": {"condaDependencies": {"dependencies": list(packages), **more}}}
