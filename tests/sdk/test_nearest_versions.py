"""Code of Azure ML v1 with a Python and pins of its time: the nearest versions, said once and recorded."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

from mlmagic.sdk.conda import CondaDependencies
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.exceptions import WebserviceException
from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.local_webservice import LocalWebservice
from mlmagic.sdk.model import Model
from mlmagic.sdk.webservice import Webservice
from mlmagic.sdk.workspace import Workspace
from tests.support import wheels

pytestmark = pytest.mark.processes

NO_BUILD = f"has no build for Python {'.'.join(platform.python_version_tuple()[:2])}"


def inference(source: Path, *pip: str, python: str = "3.6.2") -> InferenceConfig:
    environment = Environment("old")
    environment.python.conda_dependencies = CondaDependencies.create(
        python_version=python, pip_packages=list(pip)
    )
    return InferenceConfig("score.py", source_directory=str(source / "source_dir"), environment=environment)


def index(source: Path) -> str:
    return f"--find-links {wheels.old_index(source / 'index')}"


def test_a_service_uses_them_and_says_so(
    workspace: Workspace, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = inference(source, index(source), "oldlib==1.0", "purelib==1.0", "azureml-defaults")
    service = Model.deploy(workspace, "svc", [], wanted, LocalWebservice.deploy_configuration())
    service.wait_for_deployment()
    service.wait_for_deployment()
    lines = [line for line in capsys.readouterr().out.splitlines() if "serving with" in line]
    assert lines == [
        "Python 3.6.2 is older than the scoring server runs on, which is 3.11; serving with "
        f"{platform.python_version()} (the nearest that can run the scoring server)",
        f"oldlib 1.0 {NO_BUILD}; serving with 2.0 (the nearest that has one)",
    ]
    found = Webservice(workspace, "svc")
    assert [(each.package, each.wanted, each.used) for each in found.replacements] == [
        ("python", "3.6.2", platform.python_version()),
        ("oldlib", "1.0", "2.0"),
    ]
    written = found.environment.python.conda_dependencies
    assert written.get_python_version() == "3.6.2"
    assert "oldlib==1.0" in list(written.pip_packages)
    assert service.run("[1]") == [1]


def test_a_deployment_that_is_exact_refuses_them(workspace: Workspace, source: Path) -> None:
    exact = LocalWebservice.deploy_configuration(nearest=False)
    with pytest.raises(WebserviceException, match=r"Python '3\.6\.2' is older than"):
        Model.deploy(workspace, "svc", [], inference(source), exact)
    wanted = inference(source, index(source), "oldlib==1.0", python=platform.python_version())
    service = Model.deploy(workspace, "svc", [], wanted, exact)
    with pytest.raises(
        WebserviceException, match=rf"oldlib 1\.0 {NO_BUILD}; the nearest that has one is 2\.0"
    ):
        service.wait_for_deployment()


def test_a_package_takes_what_a_deployment_takes(
    workspace: Workspace, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = inference(source, index(source), "oldlib==1.0")
    package = Model.package(workspace, [], wanted, generate_dockerfile=True)
    package.wait_for_creation()
    package.save(str(source / "taken"))
    assert "oldlib==2.0" in (source / "taken" / "requirements.txt").read_text().splitlines()
    lines = [line for line in capsys.readouterr().out.splitlines() if "serving with" in line]
    assert [line.partition(" ")[0] for line in lines] == ["Python", "oldlib"]
    assert all(line in package.get_logs() for line in lines)
    with pytest.raises(WebserviceException, match=r"Python '3\.6\.2' is older than"):
        Model.package(workspace, [], wanted, generate_dockerfile=True, nearest=False).wait_for_creation()


def test_a_real_pin_of_2018(workspace: Workspace, source: Path) -> None:
    """The pins of Azure ML v1's own samples: each by itself has no wheel for a Python of today."""
    script = "import sklearn, json\ndef init():\n    pass\ndef run(data):\n    return sklearn.__version__\n"
    (source / "source_dir" / "score.py").write_text(script)
    wanted = inference(source, "scikit-learn==0.20.0", "azureml-defaults")
    service = Model.deploy(workspace, "svc", [], wanted, LocalWebservice.deploy_configuration())
    service.wait_for_deployment()
    (_, found) = service.replacements
    assert (found.package, found.wanted, found.used) == ("scikit-learn", "0.20.0", service.run(json.dumps(1)))
