"""`%config MLMagic.compute`: services of aci and aks run on another target, also those of the SDK."""

from __future__ import annotations

import pytest

from mlmagic.core.arguments import ComputeType
from mlmagic.core.compute_mapping import Placement
from mlmagic.engine.engine import Engine
from mlmagic.engine.targets import Targets
from mlmagic.magics.session import MLMagic
from tests.support.shells import TestingShell

pytestmark = pytest.mark.together


@pytest.fixture(autouse=True)
def _variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLMAGIC_COMPUTE", "aci=docker,aks=docker")


def test_the_notebook_is_stronger_than_the_environment(
    session: MLMagic, shell: TestingShell, engine: Engine
) -> None:
    shell.run_cell('%config MLMagic.compute = {"aci": "local"}')
    assert engine.targets.placement(ComputeType.ACI) == Placement("local", "MLMagic.compute")
    assert engine.targets.placement(ComputeType.AKS) == Placement("docker", "MLMAGIC_COMPUTE")
    shell.run_cell("%config MLMagic.compute = {}")
    assert engine.targets.placement(ComputeType.ACI) == Placement("docker", "MLMAGIC_COMPUTE")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('{"acii": "local"}', "Compute type of MLMagic.compute not found: 'acii'. Did you mean 'aci'?"),
        ('{"aci": "lokal"}', "Target of MLMagic.compute not found: 'lokal'. Did you mean 'local'?"),
        ('{"aks": "local:ctx"}', "has a context, and 'local' has none"),
    ],
)
def test_a_wrong_setting_is_refused_and_changes_nothing(
    session: MLMagic, shell: TestingShell, caplog: pytest.LogCaptureFixture, value: str, message: str
) -> None:
    shell.run_cell('%config MLMagic.compute = {"aci": "local"}')
    shell.run_cell(f"%config MLMagic.compute = {value}")
    assert message in caplog.text
    assert session.compute == {"aci": "local"}
    assert [each.target for each in Targets.chosen.values()] == ["local"]


def test_unloading_forgets_it(bare_shell: TestingShell) -> None:
    bare_shell.run_cell("%load_ext mlmagic")
    bare_shell.run_cell('%config MLMagic.compute = {"aci": "local"}')
    assert Targets.chosen
    bare_shell.run_cell("%unload_ext mlmagic")
    assert not Targets.chosen
