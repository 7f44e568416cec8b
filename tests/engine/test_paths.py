"""Paths in rows, configurations and folders that lead out: refused by name, and nothing is written there."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.package import Package, PackageKind, PackageState
from mlmagic.engine import staging
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, UsageError
from mlmagic.targets.images.context import below
from mlmagic.workspace import assets
from mlmagic.workspace.database import models, revisions
from tests.support.engines import ON_FAKE
from tests.support.entry_scripts import inline

pytestmark = pytest.mark.together

SCRIPT = "def init():\n    pass\n\n\ndef run(data):\n    return data\n"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "elsewhere/secret.txt"
    file.parent.mkdir()
    file.write_text("secret")
    return file


@pytest.fixture
def model(fake_engine: Engine, tmp_path: Path) -> str:
    (tmp_path / "net.bin").write_text("weights")
    return fake_engine.models.register(tmp_path / "net.bin", ModelDescription("net")).id


def tamper(engine: Engine, table: Any, **changes: str) -> None:
    """Change the stored files in the only row of a table."""
    with engine.memory.writing() as tx:
        files = tx.execute(table.select()).one().files
        tx.execute(update(table).values(files=[{**file, **changes} for file in files]))


@pytest.mark.parametrize("path", ["../net.bin", "{tmp}/net.bin", "a/../../net.bin", "..\\net.bin", ""])
def test_a_models_row_that_leads_out_writes_nothing(
    fake_engine: Engine, model: str, path: str, tmp_path: Path
) -> None:
    tamper(fake_engine, models, path=path.format(tmp=tmp_path))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InvalidConfig, match="path of a stored file"):
        fake_engine.packages.create([model], inline(SCRIPT), kind=PackageKind.FOLDER)
    with pytest.raises(InvalidConfig, match="path of a stored file"):
        fake_engine.models.download(model, tmp_path / "target", exist_ok=True)
    shutil.rmtree(tmp_path / "target", ignore_errors=True)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "net.bin").read_text() == "weights"


def test_a_models_row_reads_no_file_outside(
    fake_engine: Engine, model: str, secret: Path, tmp_path: Path
) -> None:
    tamper(fake_engine, models, digest=f"../../{secret}")
    with pytest.raises(InvalidConfig, match="must have 64 hexadecimal digits"):
        fake_engine.models.download(model, tmp_path / "target")


def test_a_services_row_that_leads_out_writes_nothing(fake_engine: Engine) -> None:
    service = fake_engine.services.wait(fake_engine.services.deploy("svc", [], inline(SCRIPT), ON_FAKE))
    folder = staging.run_folder(fake_engine.memory, service, 1)
    shutil.rmtree(folder)
    tamper(fake_engine, revisions, path="../../../../score.py")
    with pytest.raises(InvalidConfig, match=r"path of a stored file .* must not contain"):
        staging.stage(fake_engine.memory, service)
    assert not folder.exists()
    for id in ("..", "/", "", "a/b"):
        with pytest.raises(InvalidConfig, match="id of a service"):
            staging.run_folder(fake_engine.memory, replace(service, id=id), 1)


def test_a_packages_row_copies_no_folder_of_others(fake_engine: Engine, secret: Path, tmp_path: Path) -> None:
    row = Package("net", PackageKind.FOLDER, (), 0.0, "1", PackageState.SUCCEEDED, str(secret.parent))
    with fake_engine.memory.writing() as tx:
        assets.add(tx, "package", "net", row.record())
    with pytest.raises(InvalidConfig, match="location of a package"):
        fake_engine.packages.save(fake_engine.packages.get("net"), tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("place", ["{tmp}/stolen.txt", "../stolen.txt", "a/../../stolen.txt", ""])
def test_an_asset_is_not_laid_out_outside(
    fake_engine: Engine, place: str, secret: Path, tmp_path: Path
) -> None:
    place = place.format(tmp=tmp_path)
    plain = InferenceConfig("score.py", script_text=SCRIPT)
    for config in (replace(plain, assets={place: str(secret)}), replace(plain, texts={place: "text"})):
        with pytest.raises(InvalidConfig, match="path of a stored file"):
            fake_engine.services.deploy("svc", [], config, ON_FAKE)
    assert not list(tmp_path.rglob("stolen.txt"))
    assert fake_engine.services.names() == []


@pytest.mark.parametrize("script", ["../score.py", "{tmp}/score.py"])
def test_an_entry_script_is_in_its_source_directory(fake_engine: Engine, script: str, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "score.py").write_text(SCRIPT)
    config = InferenceConfig(script.format(tmp=tmp_path), source_directory=str(tmp_path / "source"))
    with pytest.raises(InvalidConfig, match="entry script"):
        fake_engine.services.deploy("svc", [], config, ON_FAKE)
    assert (tmp_path / "score.py").read_text() == SCRIPT


def test_a_link_out_of_a_source_directory_is_refused_by_name(
    fake_engine: Engine, secret: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "score.py").write_text(SCRIPT)
    (source / "same.py").symlink_to("score.py")
    config = InferenceConfig("score.py", source_directory=str(source))
    fake_engine.services.wait(fake_engine.services.deploy("near", [], config, ON_FAKE))
    (source / "data.txt").symlink_to(secret)
    with pytest.raises(UsageError, match="is a link to") as refused:
        fake_engine.services.deploy("far", [], config, ON_FAKE)
    assert str(source / "data.txt") in str(refused.value)
    assert str(secret) in str(refused.value)
    assert fake_engine.services.names() == ["near"]


def test_an_input_example_outside_of_an_mlflow_model_is_not_read(fake_engine: Engine, secret: Path) -> None:
    folder = secret.parent.parent / "mlflow"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(b"model")
    example = f"saved_input_example_info: {{artifact_path: ../{secret.parent.name}/{secret.name}}}\n"
    (folder / "MLmodel").write_text(f"flavors: {{python_function: {{loader_module: x}}}}\n{example}")
    with pytest.raises(InvalidConfig, match=r"artifact_path '\.\./elsewhere/secret\.txt' must not contain"):
        fake_engine.models.register(folder, ModelDescription("net"))


def test_a_link_out_of_a_build_context_is_refused_by_name(secret: Path, tmp_path: Path) -> None:
    (tmp_path / "context").mkdir()
    (tmp_path / "context/Dockerfile").write_text("FROM scratch")
    (tmp_path / "context/again").symlink_to("Dockerfile")
    assert sorted(below(tmp_path / "context", "")) == ["Dockerfile", "again"]
    (tmp_path / "context/secret.txt").symlink_to(secret)
    with pytest.raises(UsageError, match=r"context/secret\.txt' is a link to"):
        below(tmp_path / "context", "")
