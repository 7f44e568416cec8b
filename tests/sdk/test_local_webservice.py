"""The documents' ``local``, as a process of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.local_webservice import LocalWebservice
from mlmagic.sdk.model import Model
from mlmagic.sdk.workspace import Workspace

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

TEXT = "import os\ndef init(): pass\ndef run(data): return ['{}', os.environ.get('SET')]\n"


def test_an_update_may_follow_a_reload_and_a_deploy_at_once(workspace: Workspace, source: Path) -> None:
    script = source / "source_dir" / "score.py"
    script.write_text(TEXT.format("first"))
    inference = InferenceConfig("score.py", source_directory="source_dir")
    service = Model.deploy(workspace, "svc", [], inference, LocalWebservice.deploy_configuration())
    assert isinstance(service, LocalWebservice)
    script.write_text(TEXT.format("second"))
    service.reload()
    service.update(environment_variables={"SET": "later"})
    service.wait_for_deployment()
    assert service.run("1") == ["second", "later"]
