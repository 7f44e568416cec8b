"""The first SDK's import names: found here only where nothing else has them."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path

import pytest

from mlmagic.sdk.aliases import MODULES


@pytest.mark.parametrize("offers", sorted({*MODULES.values()}))
def test_every_name_that_is_offered_is_there(offers: str) -> None:
    for part in filter(None, offers.split("; ")):
        source, _, names = part.partition(": ")
        module = import_module(source if "." in source else f"mlmagic.sdk.{source}")
        assert all(hasattr(module, name) for name in names.split()), part


def python(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.processes
def test_the_names_the_issue_lists_are_imported(tmp_path: Path) -> None:
    python(
        """
        import sys
        import mlmagic
        assert "azureml" not in sys.modules
        import mlmagic.azureml, mlmagic.azureml
        from azureml.core import Dataset, Datastore, Environment, Experiment, Model, Run
        from azureml.core import Webservice, Workspace
        from azureml.core.compute import AksCompute, ComputeTarget
        from azureml.core.conda_dependencies import CondaDependencies
        from azureml.core.environment import DEFAULT_CPU_IMAGE, Environment as Same
        from azureml.core.model import InferenceConfig, Model as SameModel
        from azureml.core.resource_configuration import ResourceConfiguration
        from azureml.core.webservice import AciWebservice, AksEndpoint, AksWebservice, LocalWebservice
        from azureml.core.webservice.webservice import Webservice as SameService
        from azureml.exceptions import ComputeTargetException, UserErrorException, WebserviceException
        from azureml.train.automl.run import AutoMLRun
        from azureml.core.authentication import InteractiveLoginAuthentication
        from azureml.contrib.services.aml_request import AMLRequest, rawhttp
        from inference_schema.schema_decorators import input_schema
        assert (Environment, Model, Webservice) == (Same, SameModel, SameService)
        InteractiveLoginAuthentication(tenant_id="x")
        finders = [type(each).__name__ for each in sys.meta_path]
        assert finders.count("SdkFinder") == 1 and finders[-1] == "SdkFinder", finders
        """,
        tmp_path,
    )


@pytest.mark.processes
def test_a_notebooks_first_cell_prints_the_version(tmp_path: Path) -> None:
    code = "import mlmagic.azureml, azureml.core\nprint(azureml.core.VERSION, azureml.core.__version__)"
    assert python(code, tmp_path) == "1.61.0 1.61.0\n"


@pytest.mark.processes
def test_real_packages_are_used_where_they_are(tmp_path: Path) -> None:
    package = tmp_path / "azureml" / "core"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("")
    (package / "__init__.py").write_text("Workspace = 'the real one'\n")
    code = "import mlmagic.azureml\nfrom azureml.core import Workspace\nprint(Workspace)"
    assert python(code, tmp_path) == "the real one\n"


@pytest.mark.processes
def test_stand_ins_for_scripts_that_were_asked_for_before_give_way(tmp_path: Path) -> None:
    python(
        """
        from mlmagic.scoring.shims.finder import install
        install()
        import azureml.core.model
        assert not isinstance(azureml.core.model.InferenceConfig, type)
        import mlmagic.azureml
        from azureml.core.model import InferenceConfig
        assert isinstance(InferenceConfig, type)
        """,
        tmp_path,
    )
