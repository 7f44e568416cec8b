"""What goes into an image, and the recipe: the same for the same content."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.environment import EnvironmentNeeds, Registry
from mlmagic.errors import InvalidConfigs, NotFound, TargetUnavailable
from mlmagic.targets.images import builder
from mlmagic.targets.images.context import Context, context_for
from mlmagic.targets.images.dockerfile import Recipe, command, dockerfile, with_alias
from mlmagic.targets.images.ignoring import kept
from mlmagic.targets.images.lock import locked

FILES = ["score.py", "data/a.csv", "data/b.txt", "data/deep/c.csv", "notes.md", "x/y/z.log"]


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        ("", FILES),
        ("# data\n\n", FILES),
        ("data", ["score.py", "notes.md", "x/y/z.log"]),
        ("/data/", ["score.py", "notes.md", "x/y/z.log"]),
        ("*.md", [path for path in FILES if path != "notes.md"]),
        ("*.csv", FILES),  # from the root only
        ("**/*.csv", ["score.py", "data/b.txt", "notes.md", "x/y/z.log"]),
        ("data/*.csv", [path for path in FILES if path != "data/a.csv"]),
        ("**/y", [path for path in FILES if not path.startswith("x/")]),
        ("*\n!score.py", ["score.py"]),
        ("data\n!data/a.csv", ["score.py", "data/a.csv", "notes.md", "x/y/z.log"]),
        ("!score.py\n*.py", [path for path in FILES if path != "score.py"]),
        ("note?.md", [path for path in FILES if path != "notes.md"]),
        ("[m-o]otes.md", [path for path in FILES if path != "notes.md"]),
        ("[!n]otes.md", FILES),
    ],
)
def test_dockerignore(ignore: str, left: list[str]) -> None:
    assert kept(FILES, ignore) == left


INSTALLED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "scikit-learn": ("1.5.0", ("numpy>=1.19", "joblib>=1.2", "pytest; extra == 'tests'")),
    "numpy": ("2.2.1+cpu", ()),
    "joblib": ("1.4.2", ("dill; sys_platform == 'win32'",)),
    "uvicorn": ("0.30.0", ("click>=7", "watch>=1; extra == 'standard'")),
    "click": ("8.1.0", ()),
    "watch": ("1.2.0", ("click",)),
}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["scikit-learn"], ("joblib==1.4.2", "numpy==2.2.1", "scikit-learn==1.5.0")),
        (["scikit-learn==1.5.0"], ("joblib==1.4.2", "numpy==2.2.1", "scikit-learn==1.5.0")),
        (["scikit_learn>=2"], ("scikit_learn>=2",)),
        (["nowhere>1", "numpy"], ("nowhere>1", "numpy==2.2.1")),
        (["uvicorn"], ("click==8.1.0", "uvicorn==0.30.0")),
        (["uvicorn[standard]"], ("click==8.1.0", "uvicorn[standard]==0.30.0", "watch==1.2.0")),
        (["mlmagic==0.1.0", "numpy; python_version < '3'"], ()),
        (["./wheels/mine.whl"], ("./wheels/mine.whl",)),
    ],
)
def test_requirements_are_pinned_to_what_is_here(asked: list[str], expected: tuple[str, ...]) -> None:
    assert locked(asked, INSTALLED.get) == expected


def recipe(**more: Any) -> Recipe:
    return Recipe(**{"base_image": "base:1", "entry_script": "score.py", **more})


def test_the_recipe_goes_from_what_seldom_changes_to_what_often_does() -> None:
    lines = dockerfile(recipe(model_dir="m/1", variables={"A": 'b"c'}, labels={"l": "v"})).splitlines()
    order = [
        next(number for number, line in enumerate(lines) if line.startswith(beginning))
        for beginning in (
            "FROM base:1 AS packages",
            "COPY azureml-app/requirements.txt",
            "RUN python3 -m venv",
            "COPY azureml-app/server",
            "FROM base:1",
            'LABEL l="v"',
            'ENV A="b\\"c"',
            "USER 10001",
            "COPY --from=packages",
            "COPY azureml-app/azureml-models",
            "COPY azureml-app/app",
        )
    ]
    assert [*order[:4], *sorted(order[5:])] == [*order[:4], *order[5:]]
    assert lines[-1].startswith("COPY azureml-app/app")
    assert "pip uninstall --yes --quiet pip setuptools" in "\n".join(lines)
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert "--model-dir" in command(recipe(model_dir="m/1"))
    assert "--model-dir" not in command(recipe())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a\nRUN x\n", ("FROM a AS mlmagic-base\nRUN x\n", "mlmagic-base")),
        ("FROM a AS b\nFROM c as Last\n", ("FROM a AS b\nFROM c as Last\n", "Last")),
        (
            "from --platform=linux/amd64 a\n",
            ("from --platform=linux/amd64 a AS mlmagic-base\n", "mlmagic-base"),
        ),
    ],
)
def test_the_last_stage_of_a_dockerfile_gets_a_name(text: str, expected: tuple[str, str]) -> None:
    assert with_alias(text) == expected


def test_what_an_environment_asks_of_an_image_is_in_the_recipe() -> None:
    needs = EnvironmentNeeds(base_dockerfile="FROM mine\nRUN me\n", extra_steps="RUN more")
    text = dockerfile(recipe(needs=needs))
    assert text.startswith("FROM mine AS mlmagic-base\nRUN me\n\nFROM mlmagic-base AS packages\n")
    assert "\nFROM mlmagic-base\nUSER root\nRUN more\n" in text
    managed = dockerfile(recipe(needs=EnvironmentNeeds(user_managed=True, interpreter="/opt/py")))
    assert "RUN /opt/py -m venv --system-site-packages /opt/mlmagic/venv" in managed


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "data").mkdir(parents=True)
    (folder / "score.py").write_text("def init(): pass\ndef run(data): return data\n")
    (folder / "data" / "left out.bin").write_bytes(b"0" * 100)
    (folder / ".dockerignore").write_text("data\n")
    return folder


def made(app: Path, **more: Any) -> Context:
    values: dict[str, Any] = {
        "app": app,
        "models": None,
        "model_dir": None,
        "entry_script": "score.py",
        "needs": EnvironmentNeeds(),
        "requirements": ["six"],
        "environ": {},
    }
    return context_for(**{**values, **more})


def test_the_context_holds_what_is_needed_and_nothing_else(app: Path, tmp_path: Path) -> None:
    (tmp_path / "models" / "m" / "1").mkdir(parents=True)
    (tmp_path / "models" / "m" / "1" / "w.bin").write_text("weights")
    context = made(app, models=tmp_path / "models", model_dir="m/1")
    paths = [path for path, _ in context.all_files()]
    assert "Dockerfile" in paths
    assert "azureml-app/azureml-models/m/1/w.bin" in paths
    assert "azureml-app/app/score.py" in paths
    assert "azureml-app/server/mlmagic/scoring/__main__.py" in paths
    assert not [path for path in paths if "left out" in path or "/engine/" in path]
    assert any(line.startswith("uvloop==") for line in context.requirements)
    assert context.recipe.base_image.startswith("python:3.")


def test_the_digest_is_of_the_content_alone(app: Path, tmp_path: Path) -> None:
    first = made(app).digest()
    os.utime(app / "score.py", (0, 0))
    (app / "score.py").chmod(0o600)
    (app / "data" / "left out.bin").write_bytes(b"other")
    assert made(app).digest() == first
    streams = [io.BytesIO(), io.BytesIO()]
    for stream, context in zip(streams, (made(app), made(app)), strict=True):
        context.write_tar(stream)
    assert streams[0].getvalue() == streams[1].getvalue()
    (app / "score.py").write_text("def init(): pass\ndef run(data): return 1\n")
    assert made(app).digest() != first
    assert made(app, variables={"A": "b"}).digest() != made(app).digest()


def test_the_tar_and_the_folder_are_the_same(app: Path, tmp_path: Path) -> None:
    context, stream = made(app), io.BytesIO()
    context.write_tar(stream)
    context.write_folder(tmp_path / "out")
    stream.seek(0)
    with tarfile.open(fileobj=stream) as archive:
        for member in archive.getmembers():
            packed = archive.extractfile(member)
            assert packed is not None
            assert (tmp_path / "out" / member.name).read_bytes() == packed.read()


def test_the_way_to_the_index_stays_out_of_what_is_taken_away(app: Path, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("certificate")
    environ = {
        "PIP_CERT": str(tmp_path / "ca.pem"),
        "PIP_INDEX_URL": "https://me:secret@index.example/simple",
    }
    here = made(app, environ=environ)
    assert dict(here.all_files())["azureml-app/certificates.pem"] == b"certificate"
    assert here.build_arguments == {"PIP_INDEX_URL": environ["PIP_INDEX_URL"]}
    taken = made(app, environ=environ, for_building_here=False)
    assert "azureml-app/certificates.pem" not in dict(taken.all_files())
    assert taken.build_arguments == {}
    assert b"secret" not in b"".join(x for _, x in here.all_files() if isinstance(x, bytes))


def test_a_build_context_of_the_users_comes_along(app: Path, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM theirs\nCOPY tool /usr/bin/\n")
    (folder / "tool").write_text("tool")
    needs = EnvironmentNeeds(build_context=(str(folder), "Dockerfile"), user_managed=True)
    files = dict(made(app, needs=needs).all_files())
    assert files["tool"] == folder / "tool"
    recipe_text = files["Dockerfile"]
    assert isinstance(recipe_text, bytes)
    assert recipe_text.startswith(b"FROM theirs AS mlmagic-base\nCOPY tool /usr/bin/\n")
    with pytest.raises(NotFound, match="no Dockerfile"):
        made(app, needs=EnvironmentNeeds(build_context=(str(folder), "Other")))


def test_condas_packages_are_pips_or_are_told(app: Path) -> None:
    lines = made(app, needs=EnvironmentNeeds(conda_packages=("six=1",))).requirements
    assert any(line.startswith("six") for line in lines)
    with pytest.raises(InvalidConfigs, match="r-base"):
        made(app, needs=EnvironmentNeeds(conda_packages=("r-base=4",)))


def test_without_an_engine_one_line_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(TargetUnavailable) as caught:
        builder.connect()
    assert "no Docker engine answers at unix://" in str(caught.value)
    assert "--target local" in str(caught.value)
    assert "\n" not in str(caught.value)
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONTEXT", "faraway")
    with pytest.raises(TargetUnavailable, match="no Docker context 'faraway'"):
        builder.connect()


def test_a_registrys_password_is_not_shown() -> None:
    assert "hidden" not in repr(Registry("r", "u", "hidden"))
