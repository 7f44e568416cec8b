"""Whether what serves compiled models is in the environment of a service."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import pytest

from mlmagic.core.compilation import Compilation
from mlmagic.core.compiled_models import RUNTIME, Compiled
from mlmagic.core.environment import EnvironmentNeeds
from mlmagic.core.model import CompiledFile, StoredFile
from mlmagic.engine.models import compilation
from mlmagic.engine.requirements import with_compiled
from mlmagic.engine.services.compiled_models import usable
from mlmagic.errors import UsageError

PART = StoredFile("model.onnx", "0" * 64, 1)
COMPILED: Compiled = {"m:1": (CompiledFile("m.pkl", "k", Compilation("", ("predict",), 1e-12, 9), (PART,)),)}
REFUSED: Compiled = {"m:1": (CompiledFile("m.pkl", "k", Compilation.refused("It is odd.")),)}


@pytest.mark.parametrize(
    ("needs", "compiled", "adds"),
    [
        (EnvironmentNeeds(), COMPILED, False),
        (EnvironmentNeeds(python="3.11"), COMPILED, False),
        (EnvironmentNeeds(pip_packages=("numpy",)), COMPILED, True),
        (EnvironmentNeeds(pip_packages=("numpy",)), REFUSED, False),
        (EnvironmentNeeds(pip_packages=("numpy",)), {}, False),
        (EnvironmentNeeds(conda_packages=("numpy",)), COMPILED, True),
        (EnvironmentNeeds(conda_packages=("onnxruntime=1.20",)), COMPILED, False),
        (EnvironmentNeeds(pip_packages=("onnxruntime>=1.20",)), COMPILED, False),
        (EnvironmentNeeds(user_managed=True), COMPILED, False),
    ],
)
def test_an_environment_that_names_packages_gets_it(
    needs: EnvironmentNeeds, compiled: Compiled, adds: bool
) -> None:
    more = with_compiled(needs, compiled).pip_packages[len(needs.pip_packages) :]
    assert [line.partition("=")[0] for line in more] == [RUNTIME] * adds


def test_an_interpreter_without_it_serves_the_models_as_they_are_unless_that_is_refused() -> None:
    def lacks(names: Iterable[str]) -> dict[str, str | None]:
        return dict.fromkeys(names)

    told: list[str] = []
    assert usable(COMPILED, None, lacks, told.append) == {}
    assert told == [
        "The models are served as they are, not compiled: the service's interpreter has no onnxruntime."
    ]
    with pytest.raises(UsageError, match="need the package onnxruntime"):
        usable(COMPILED, True, lacks, told.append)
    for compiled in (REFUSED, {}):
        assert usable(compiled, True, lacks, told.append) == compiled
    assert len(told) == 1


@pytest.mark.parametrize("name", compilation.NEEDED)
def test_a_package_that_is_missing_is_named_with_the_extra(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compilation.check_installed()
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=f"the package {name}, .* pip install 'mlmagic\\[compile\\]'"):
        compilation.check_installed()


@pytest.mark.parametrize("known", [{RUNTIME: "1.32.0"}, {}], ids=["there", "unknown"])
def test_elsewhere_they_are_used(known: dict[str, str | None]) -> None:
    told: list[str] = []
    assert usable(COMPILED, True, lambda names: known, told.append) == COMPILED
    assert told == []
