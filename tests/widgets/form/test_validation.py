"""What is wrong with a form is told beside its field: pure rules, without a form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlmagic.core.webservice import State
from mlmagic.widgets.form.validation import Available, problems, remarks
from mlmagic.widgets.form.values import FormValues, Script, ScriptKind
from tests.support.forms import CAPTURED, FORMS

THERE = Available(
    models=("wine:2", "wine:1", "onnx:1"),
    scripts=("wine",),
    environments=("mine:1", "mlmagic-onnx:1"),
    targets={"local": "", "docker": "", "mine": "", "kubernetes": "no cluster. Install one."},
    services={"taken": State.HEALTHY, "moving": State.TRANSITIONING},
    is_file=lambda path: path in ("score.py", "src/score.py", "cert", "key"),
    is_folder=lambda path: path == "src",
)
GOOD = FormValues("wine-svc", ("wine:1",), CAPTURED)


@pytest.mark.parametrize("values", FORMS.values(), ids=list(FORMS))
def test_nothing_is_wrong_with_the_examples(values: FormValues) -> None:
    assert problems(values, replace(THERE, is_file=lambda path: True, is_folder=lambda path: True)) == {}


def of_file(name: str, folder: str = "") -> Script:
    return Script(ScriptKind.FILE, name, folder)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"service": ""}, "service", "Name the service"),
        ({"service": "My_Svc"}, "service", "service name 'My_Svc' must be 3 to 32"),
        ({"service": "taken"}, "service", "'taken' exists and is Healthy. Choose another name"),
        ({"service": "moving"}, "service", "'moving' exists and is Transitioning. Choose another name"),
        ({"models": ("gone:1",)}, "models", "The model 'gone:1' does not exist any more."),
        ({"models": (), "script": Script()}, "models", "Choose a model or a script."),
        ({"script": Script(ScriptKind.CAPTURED, "gone")}, "script", "captured script 'gone' does not exist"),
        ({"script": of_file("")}, "script", "Name the file"),
        ({"script": of_file("notes.txt")}, "script", "must be a .py file"),
        ({"script": of_file("half-made.py")}, "script", "must have a name that Python can import"),
        ({"script": of_file("other.py")}, "script", "File not found: 'other.py'"),
        ({"script": of_file("score.py", "nowhere")}, "script", "Folder not found: 'nowhere'."),
        ({"script": of_file("other.py", "src")}, "script", "File not found: 'src/other.py'"),
        ({"environment": "gone:3"}, "environment", "The environment 'gone:3' does not exist any more."),
        ({"target": "kubernetes"}, "target", "no cluster. Install one."),
        ({"target": "nowhere"}, "target", "Target not found: 'nowhere'."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(changes: dict[str, Any], field: str, words: str) -> None:
    found = problems(replace(GOOD, **changes), THERE)
    assert list(found) == [field]
    assert words in found[field]


@pytest.mark.parametrize(
    ("target", "settings", "field", "words"),
    [
        ("local", {"cpu_cores": 0.0}, "cpu_cores", "cpu_cores 0.0 must be above 0"),
        ("local", {"memory_gb": float("nan")}, "memory_gb", "must be above 0"),
        ("local", {"port": "80x"}, "port", "port '80x' must be a whole number"),
        ("local", {"port": 70000}, "port", "must be between 1 and 65535"),
        ("local", {"scoring_timeout_ms": 0}, "scoring_timeout_ms", "must be above 0"),
        ("local", {"recorded_requests": 100_001}, "recorded_requests", "between 0 (none) and 100,000"),
        ("local", {"tags": "a=1\nb"}, "tags", "tags 'b' must be KEY=VALUE"),
        ("local", {"environment_variables": "=1"}, "environment_variables", "'=1' must be KEY=VALUE"),
        ("local", {"cors_origins": "a.example"}, "cors_origins", "CORS origin 'a.example' must be scheme"),
        (
            "local",
            {"auth_enabled": True, "token_auth_enabled": True},
            "token_auth_enabled",
            "excludes auth_enabled",
        ),
        (
            "local",
            {"ssl_cert_pem_file": "cert"},
            "ssl_key_pem_file",
            "ssl_enabled True needs ssl_key_pem_file",
        ),
        ("local", {"ssl_key_pem_file": "key"}, "ssl_cert_pem_file", "ssl_enabled True needs"),
        (
            "local",
            {"ssl_cert_pem_file": "cert", "ssl_key_pem_file": "gone"},
            "ssl_key_pem_file",
            "'gone' names a file that is not there",
        ),
        ("docker", {"ssl_cert_pem_file": "cert", "ssl_key_pem_file": "key"}, "ssl_cname", "ssl_enabled True"),
    ],
)
def test_settings_have_the_rules_of_a_deploy(
    target: str, settings: dict[str, Any], field: str, words: str
) -> None:
    found = problems(replace(GOOD, target=target, settings=settings), THERE)
    assert list(found) == [field]
    assert words in found[field]


def test_a_cluster_is_checked_although_it_is_not_there() -> None:
    settings = {"autoscale_min_replicas": 3, "num_replicas": "two"}
    found = problems(replace(GOOD, target="kubernetes", settings=settings), THERE)
    assert set(found) == {"target", "autoscale_min_replicas", "num_replicas"}
    assert "needs autoscale_enabled=True" in found["autoscale_min_replicas"]


def test_a_name_that_is_taken_can_be_replaced() -> None:
    assert problems(replace(GOOD, service="taken", overwrite=True), THERE) == {}


@pytest.mark.parametrize(
    ("settings", "target", "remarked"),
    [
        ({"cpu_cores": 4.0, "memory_gb": 32.0}, "local", {}),
        ({"cpu_cores": 4.5}, "local", {"cpu_cores": "This machine has 4 cores."}),
        ({"memory_gb": 33.0}, "local", {"memory_gb": "This machine has 32 GB of memory."}),
        ({"cpu_cores": 400.0, "memory_gb": 500.0}, "docker", {}),  # it may run elsewhere
        ({"cpu_cores": "many"}, "local", {}),
    ],
)
def test_a_size_that_this_machine_does_not_have_is_remarked(
    settings: dict[str, Any], target: str, remarked: dict[str, str]
) -> None:
    there = Available(cores=4, memory_gb=32.0, targets_here=frozenset({"local"}))
    assert remarks(replace(GOOD, settings=settings, target=target), there) == remarked
