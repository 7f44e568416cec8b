"""Datastores: folders of the workspace, and other storage by a URL."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from mlmagic.sdk.dataset import Dataset
from mlmagic.sdk.datastore import Datastore
from mlmagic.sdk.exceptions import UserErrorException
from mlmagic.sdk.workspace import Workspace

pytestmark = pytest.mark.together


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    folder = tmp_path / "rows"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_text("x\n1\n")
    (folder / "deep/b.csv").write_text("x\n2\n")
    return folder


@pytest.fixture(params=["folder", "file", "memory"])
def store(request: pytest.FixtureRequest, workspace: Workspace, tmp_path: Path) -> Datastore:
    if request.param == "folder":
        return Datastore(workspace)
    pytest.importorskip("fsspec")
    url = f"file://{tmp_path}/bucket" if request.param == "file" else f"memory://{tmp_path.name}"
    return Datastore.register_url(workspace, "shared", url)


def test_files_go_there_and_back(store: Datastore, rows: Path, tmp_path: Path) -> None:
    reference = store.upload(str(rows), target_path="data", show_progress=False)
    assert (reference.path / "deep/b.csv").read_text() == "x\n2\n"
    assert store.download(str(tmp_path / "back"), prefix="data/deep") == 1
    assert (tmp_path / "back/data/deep/b.csv").is_file()
    (rows / "a.csv").write_text("x\n5\n")
    store.upload_files([str(rows / "a.csv")], target_path="data", show_progress=False)
    assert store.path("data/a.csv").path.read_text() == "x\n1\n"
    store.upload_files([str(rows / "a.csv")], target_path="data", overwrite=True, show_progress=False)
    assert store.path("data/a.csv").path.read_text() == "x\n5\n"


def test_datasets_are_made_of_paths_in_it(store: Datastore, rows: Path) -> None:
    store.upload(str(rows), target_path="data", show_progress=False)
    for path in ((store, "data/*.csv"), store.path("data/a.csv")):
        assert Dataset.Tabular.from_delimited_files(path).to_pandas_dataframe().x.tolist() == [1]
    assert Dataset.File.from_files(store.path("data")).to_path() == ["/a.csv", "/deep/b.csv"]
    frame = Dataset.Tabular.from_delimited_files(store.path("data/a.csv")).to_pandas_dataframe()
    kept = Dataset.Tabular.register_pandas_dataframe(frame, (store, "kept"), "kept")
    assert kept.to_pandas_dataframe().x.tolist() == [1]
    assert store.path("kept/kept-1.csv").path.is_file()


def test_a_registered_datastore_is_found_by_its_name(workspace: Workspace, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    url = f"file://{tmp_path}/bucket"
    Datastore.register_url(workspace, "shared", url)
    assert set(workspace.datastores) == {"shared", "workspaceblobstore"}
    assert Datastore.get(workspace, "shared").datastore_type == "Url"
    with pytest.raises(UserErrorException, match="Datastore 'shared' already exists"):
        Datastore.register_url(workspace, "shared", url)
    Datastore.register_url(workspace, "shared", url, overwrite=True).unregister()
    with pytest.raises(UserErrorException, match="Datastore not found: 'shared'"):
        Datastore.get(workspace, "shared")


def test_what_cannot_be_registered_says_what_to_do(workspace: Workspace) -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(UserErrorException, match="must be a URL that fsspec knows"):
        Datastore.register_url(workspace, "shared", "nonsense://x")
    with pytest.raises(UserErrorException, match=r"Mount it, then: Datastore\.register_url"):
        Datastore.register_azure_file_share(workspace, "share", "share", "account")
    with pytest.raises(UserErrorException, match=r"pandas\.read_sql"):
        Datastore.register_azure_sql_database(workspace, "db")
    with pytest.raises(UserErrorException, match="must be a new name"):
        Datastore.register_url(workspace, "workspaceblobstore", "memory://x")


@pytest.mark.skipif(find_spec("adlfs") is not None, reason="adlfs is installed")
def test_a_blob_container_needs_its_package(workspace: Workspace) -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(UserErrorException, match=r"abfs://container cannot be opened: .*adlfs"):
        Datastore.register_azure_blob_container(workspace, "blobs", "container", "account")
