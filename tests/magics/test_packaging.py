"""`%package` in a real shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlmagic.errors import InvalidConfig, UsageError
from mlmagic.magics.session import MLMagic
from tests.support.engines import MakeEngine
from tests.support.shells import SCRIPT, TestingShell

pytestmark = pytest.mark.together


def test_a_captured_script_is_packaged(shell: TestingShell, make_engine: MakeEngine, tmp_path: Path) -> None:
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(make_engine())
    shell.run_cell(f"%%score_script echo\n{SCRIPT}")
    made = shell.run_cell(f"%package -s echo --name my-image --label v1 --save {tmp_path}/taken -o p")
    assert made is shell.user_ns["p"]
    assert (made.name, made.state, made.generate_dockerfile) == ("my-image", "Succeeded", True)
    assert (tmp_path / "taken" / "Dockerfile").is_file()
    assert json.loads((tmp_path / "taken" / "sbom.cdx.json").read_text())["bomFormat"] == "CycloneDX"
    assert "Serving script echo" in shell.shown()
    shell.refuses("%package -s echo --kind tar", InvalidConfig, "must be one of image, folder, zip")
    shell.refuses("%package -s echo --name X", InvalidConfig, "image name 'X' must be 3 to 32")
    shell.refuses("%package nowhere --no-code -s echo", UsageError, "exclude each other")
