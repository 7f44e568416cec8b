"""The error about a package that is missing: what it names, and the command that installs it."""

from __future__ import annotations

import pytest

from mlmagic.core.missing_packages import missing_package


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("pandas", "pip install pandas"),
        ("sklearn.linear_model", "pip install scikit-learn"),
        ("distributed", "pip install 'mlmagic[batch]'"),
    ],
)
def test_the_command_that_installs_it(module: str, command: str) -> None:
    told = missing_package(ModuleNotFoundError(f"No module named {module!r}", name=module))
    assert told is not None
    assert module.partition(".")[0] in told.message
    assert told.hint == f"Install it with: {command}"


@pytest.mark.parametrize("module", [None, "helpers", "mlmagic.missing"])
def test_other_modules_are_faults_of_somebody(module: str | None) -> None:
    assert missing_package(ModuleNotFoundError("No module", name=module)) is None
