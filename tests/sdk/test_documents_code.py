"""Scripts like those of Azure ML's documents, with that SDK's own import names, run on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.documents import DOCUMENTS, run_document

pytestmark = pytest.mark.processes

SCRIPTS = sorted(path.stem for path in DOCUMENTS.glob("*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_runs_as_written(name: str, tmp_path: Path) -> None:
    # What a user sets who has no cluster.
    compute = {"MLMAGIC_COMPUTE": "aks=local"} if name.startswith("aks_") else {}
    run_document(name, tmp_path, compute)
