"""The API reference is made of docstrings: every public name of the SDK has one, and pdoc makes pages."""

from __future__ import annotations

import inspect
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from mlmagic import sdk

MODULES = sorted(f"mlmagic.sdk.{module.name}" for module in pkgutil.iter_modules(sdk.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_says_what_it_is(name: str) -> None:
    module = import_module(name)
    assert module.__doc__
    for title, thing in vars(module).items():
        if title.startswith("_") or getattr(thing, "__module__", None) != name:
            continue
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), f"{name}.{title}"
        if inspect.isclass(thing):
            for member_name, member in vars(thing).items():
                if member_name.startswith("_") or not (
                    callable(member) or isinstance(member, property | staticmethod | classmethod)
                ):
                    continue
                assert inspect.getdoc(member), f"{name}.{title}.{member_name}"


@pytest.mark.processes
def test_the_pages_are_made(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "pdoc",
        "mlmagic.sdk",
        "mlmagic.errors",
        "-o",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "mlmagic" / "sdk" / "aks_webservice.html").read_text()
    assert "autoscale_target_utilization" in page
