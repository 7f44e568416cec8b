"""Collected data of services, read again: as a table, as requests, and deleted when its time is over."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlmagic.core.arguments import ComputeType
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.deployments import check, config_changes
from mlmagic.engine.collected_data.files import CollectedFile, FolderStore, open_store, parse
from mlmagic.engine.collected_data.retention import Retention, to_delete
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, InvalidConfigs, NotFound, UsageError
from mlmagic.scoring.collection.settings import FORMATS as SERVER_FORMATS
from mlmagic.scoring.collection.settings import HASH_KEY, STORAGE
from mlmagic.targets.fake import FakeTarget
from mlmagic.targets.server_variables import server_variables, variables_of
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.specs import spec
from tests.support.waiting import wait_for

GIB = 1 << 30
TODAY = date(2026, 3, 10)
SCRIPT = """
import json
def init():
    pass
def run(data):
    return {"total": [sum(row.values()) for row in json.loads(data)["data"]]}
"""


def day(number: int, size: float = 1.0) -> CollectedFile:
    return CollectedFile(f"{number}", "svc", "m:1", "inputs", TODAY - timedelta(days=number), int(size * GIB))


@pytest.mark.parametrize(
    ("limits", "deleted"),
    [
        ({}, []),
        ({"days": 3}, ["9", "4"]),
        ({"days": 1}, ["9", "4", "3"]),
        ({"gigabytes": 2.5}, ["9", "4", "3"]),
        ({"gigabytes": 4.5}, ["9"]),
        ({"days": 4, "gigabytes": 3.0}, ["9", "4"]),
        ({"days": 1, "gigabytes": 0.1}, ["9", "4", "3", "1"]),
    ],
)
def test_what_is_too_old_or_too_much_is_deleted_and_never_that_of_today(
    limits: dict[str, Any], deleted: list[str]
) -> None:
    files = [day(9), day(4), day(3), day(1), day(0)]
    assert [file.path for file in to_delete(files, TODAY, **limits)] == deleted


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("modeldata/s/g/w/svc/m/1/inputs/2026/03/01/inputs.csv", ("svc", "m:1", "inputs", "csv")),
        ("modeldata/s/g/w/svc/m/1/labels/2026/03/01/labels-a-1.parquet", ("svc", "m:1", "labels", "parquet")),
        ("modeldata/svc/model_outputs/2026/03/01/data.jsonl", ("svc", "", "predictions", "jsonl")),
        ("modeldata/svc/mine/2026/03/01/data.jsonl", ("svc", "", "mine", "jsonl")),
        ("modeldata/s/g/w/svc/m/1/inputs/2026/03/01/.inputs.csv.part", None),
        ("modeldata/s/g/w/svc/m/1/inputs/2026/13/01/inputs.csv", None),
        ("elsewhere/inputs.csv", None),
    ],
)
def test_paths(path: str, expected: Any) -> None:
    found = parse(path, 1)
    assert (found and (found.service, found.model, found.designation, found.form)) == expected
    assert found is None or found.day == date(2026, 3, 1)


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_stores_list_and_delete(tmp_path: Path, kind: str) -> None:
    import fsspec.core

    url = str(tmp_path) if kind == "folder" else f"memory://{tmp_path.name}"
    files, root = fsspec.core.url_to_fs(url)
    for name in ("svc", "other"):
        for when in ("2026/03/02", "2026/03/01"):
            path = f"{root}/modeldata/s/g/w/{name}/m/1/inputs/{when}/inputs.csv"
            files.makedirs(path.rpartition("/")[0], exist_ok=True)
            files.pipe_file(path, b"a\n1\n")
    store = open_store(url)
    first, second = store.list("svc")
    assert (first.day, second.day) == (date(2026, 3, 1), date(2026, 3, 2))
    assert (first.size, store.read(first)) == (4, b"a\n1\n")
    store.remove(first)
    assert store.list("svc") == [second]
    assert len(store.list("other")) == 2
    if isinstance(store, FolderStore):
        assert not (tmp_path / first.path).parent.exists()


class ProcessTarget(FakeTarget):
    """A fake target that starts a process of this machine, as ``local`` does."""

    capabilities = FakeTarget.capabilities.__class__(runs_interpreter=True)


def collecting(target: str = "fake", **settings: Any) -> DeploymentConfig:
    options = {f"collection_{name}": value for name, value in settings.items() if name != "variables"}
    return DeploymentConfig(
        target,
        compute_settings={"collect_model_data": True, **options},
        environment_variables=settings.get("variables", {}),
    )


@pytest.mark.together
def test_what_cannot_be_collected_is_refused_at_the_deploy(make_engine: MakeEngine) -> None:
    engine = make_engine(targets={"fake": FakeTarget(), "process": ProcessTarget()}.__getitem__)
    said: list[str] = []
    engine.services.deploy("first", [], script(), collecting(), notify=lambda line: said.append(str(line)))
    assert "collect_model_data has no effect on fake without a store" in said[0]
    with pytest.raises(InvalidConfig, match="must be a URL on 'fake'"):
        engine.services.deploy("second", [], script(), collecting(store="/data"))
    hashed = {"redacted_columns": "ssn", "redaction": "hash"}
    with pytest.raises(InvalidConfig, match=f"needs a key in the environment variable {HASH_KEY}"):
        engine.services.deploy("second", [], script(), collecting("process", **hashed))
    engine.services.deploy("second", [], script(), collecting("process", **hashed, variables={HASH_KEY: "k"}))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"collection_format": "csv"}, "needs collect_model_data=True"),
        ({"collect_model_data": True, "collection_format": "xml"}, "must be csv or parquet"),
        ({"collect_model_data": True, "collection_sample_rate": 1.5}, "must be between 0 and 1"),
        ({"collect_model_data": True, "collection_redaction": "x"}, "must be mark or hash"),
        ({"collect_model_data": True, "collection_retention_days": 0}, "must be above 0"),
    ],
)
@pytest.mark.parametrize("compute", list(ComputeType))
def test_wrong_options_are_refused(compute: ComputeType, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidConfigs, match=words):
        check("a configuration", compute, given)


def test_an_update_turns_it_off_and_on_again_with_the_same_options() -> None:
    config = DeploymentConfig(
        "kubernetes", compute_type="aks", compute_settings=collecting(store="s3://b").compute_settings
    )
    off = config_changes(config, {"collect_model_data": False})["compute_settings"]
    assert (off["collect_model_data"], off["collection_store"]) == (False, "s3://b")
    without = DeploymentConfig("kubernetes", compute_settings=off)
    assert "AML_MODEL_DC_STORAGE_ENABLED" not in variables_of(without)
    variables = variables_of(config)
    assert (variables["AML_MODEL_DC_STORAGE_ENABLED"], variables["AML_MODEL_DC_STORAGE"]) == (
        "true",
        "s3://b",
    )
    trial = variables_of(config.for_trial("local"))
    assert "AML_MODEL_DC_STORAGE_ENABLED" not in trial, "a profile's requests are not the service's"


def test_a_container_never_gets_a_folder_of_this_machine(tmp_path: Path) -> None:
    own = spec(tmp_path, config=collecting("docker"), collection_folder="/workspace/collected", model="m:3")
    assert STORAGE not in server_variables(own)
    assert server_variables(own, collection_folder=own.collection_folder)[STORAGE] == "/workspace/collected"
    found = server_variables(spec(tmp_path, config=collecting("docker", store="s3://bucket/x"), model="m:3"))
    assert (found[STORAGE], found["MLMAGIC_COLLECTION_MODEL"]) == ("s3://bucket/x", "m:3")


def test_the_formats_of_the_option_are_those_of_the_server() -> None:
    from mlmagic.core.collection import FORMATS, REDACTIONS
    from mlmagic.scoring.collection.redaction import MODES

    assert (FORMATS, REDACTIONS) == (SERVER_FORMATS, MODES)


@pytest.mark.processes
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_from_a_service_to_tables_requests_and_labels(engine: Engine, tmp_path: Path, form: str) -> None:
    (tmp_path / "score.py").write_text(SCRIPT)
    config = collecting("local", format=form, redacted_columns="name")
    service = engine.services.deploy("svc", [], InferenceConfig(str(tmp_path / "score.py")), config)
    engine.services.wait(service)
    with pytest.raises(UsageError, match="no data of 'svc' was collected"):
        engine.collected_data.read("svc")
    sent = [{"data": [{"a": 1, "b": 2.5}, {"a": 3, "b": 4.5}]}, {"data": [{"a": 5, "b": 6.5}]}]
    answers = [engine.requests.score("svc", body) for body in sent]
    # An update without collection ends the server that collects.
    off = {"compute_settings": {**config.compute_settings, "collect_model_data": False}}
    engine.services.wait(engine.services.update("svc", config_changes=off))
    wait_for(lambda: engine.collected_data.files("svc"), "the files")
    engine.requests.score("svc", sent[0])
    wait_for(lambda: _is_complete(engine, 3), "all rows")
    found = engine.collected_data.read("svc")
    assert found[["a", "b", "total"]].to_numpy().tolist() == [[1, 2.5, 3.5], [3, 4.5, 7.5], [5, 6.5, 11.5]]
    assert [answer["total"] for answer in answers] == [[3.5, 7.5], [11.5]]
    assert [json.loads(body) for body in engine.collected_data.bodies("svc")] == sent
    assert len(found["$aml_dc_correlation_id"].unique()) == 2

    labels = found[["$aml_dc_correlation_id"]].assign(total=[10, 20, 30])
    assert engine.collected_data.add_labels("svc", labels) == 3
    engine.collected_data.add_labels("svc", labels[2:].assign(total=[99]))
    table = engine.collected_data.read("svc")
    assert table["total_label"].tolist() == [10, 20, 99]
    with pytest.raises(InvalidConfig, match="must have the column '\\$aml_dc_correlation_id'"):
        engine.collected_data.add_labels("svc", pd.DataFrame({"y": [1]}))

    later = datetime.now(UTC) + timedelta(hours=1)
    with pytest.raises(UsageError, match="no data of 'svc' was collected since"):
        engine.collected_data.read("svc", since=later)
    assert len(engine.collected_data.read("svc", until=later)) == 3
    engine.services.delete("svc")
    assert len(engine.collected_data.read("svc")) == 3, "the data of a deleted service stays"
    with pytest.raises(NotFound):
        engine.collected_data.read("another")


def _is_complete(engine: Engine, rows: int) -> bool:
    found = engine.collected_data.read("svc")
    return len(found) == rows


@pytest.mark.together
def test_a_supervisor_deletes_what_is_over_the_limits(fake_engine: Engine) -> None:
    config = collecting("fake", store="memory://retention", retention_days=2)
    service = fake_engine.services.deploy("svc", [], script(), config)
    files, root = __import__("fsspec").core.url_to_fs("memory://retention")
    for when in ("2026/03/01", "2026/03/09", "2026/03/10"):
        path = f"{root}/modeldata/s/g/w/svc/m/1/inputs/{when}/inputs.csv"
        files.makedirs(path.rpartition("/")[0], exist_ok=True)
        files.pipe_file(path, b"a\n")
    retention = Retention(fake_engine.memory)
    assert retention.is_due()
    retention.sweep([service], TODAY)
    assert [file.day.day for file in open_store("memory://retention").list("svc")] == [9, 10]
    assert not retention.is_due()


def test_a_fake_configuration_collects_nothing() -> None:
    assert "AML_MODEL_DC_STORAGE_ENABLED" not in variables_of(ON_FAKE)
