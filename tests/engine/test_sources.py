from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.core.configuration import InferenceConfig
from mlmagic.engine.scripts import sources
from mlmagic.errors import CaptureError, NotFound, UsageError
from mlmagic.workspace.files import FileStore, Intake

SCRIPT = "def init():\n    pass\n\n\ndef run(data):\n    return data\n"


@pytest.fixture
def intake(tmp_path: Path):  # type: ignore[no-untyped-def]
    with FileStore(tmp_path / "store").intake() as intake:
        yield intake


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for name in ("score.py", "pkg/__init__.py", "__pycache__/score.pyc", ".git/HEAD", "data/a.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(SCRIPT)
    return folder


def test_a_directory_ships_without_what_no_service_needs(intake: Intake, source: Path) -> None:
    files, recorded = sources.take(intake, InferenceConfig("score.py", source_directory=str(source)))
    assert [file.path for file in files] == ["data/a.csv", "pkg/__init__.py", "score.py"]
    assert recorded == InferenceConfig("score.py", taken_from=str(source))


def test_a_script_that_names_its_folder_finds_it_again(intake: Intake, source: Path) -> None:
    (source / "score.py").write_text(f"open('./{source.name}/data/a.csv')\n{SCRIPT}")
    files, _ = sources.take(intake, InferenceConfig("score.py", source_directory=str(source)))
    assert ".azureml-source-name" in [file.path for file in files]


def test_a_single_file_ships_alone(intake: Intake, source: Path) -> None:
    files, recorded = sources.take(intake, InferenceConfig(str(source / "score.py")))
    assert [file.path for file in files] == ["score.py"]
    assert recorded.entry_script == "score.py"


def test_captured_text_ships_with_its_assets(intake: Intake, source: Path) -> None:
    inference = InferenceConfig(
        "score.py",
        script_text=SCRIPT,
        assets={"assets/a.csv": str(source / "data" / "a.csv"), "assets/pkg": str(source / "pkg")},
        requirements=("numpy==2.0",),
    )
    files, recorded = sources.take(intake, inference)
    assert [file.path for file in files] == ["assets/a.csv", "assets/pkg/__init__.py", "score.py"]
    assert recorded.requirements == ("numpy==2.0",)
    assert recorded.script_text is None


@pytest.mark.parametrize(
    ("name", "text", "error", "words"),
    [
        ("a.py", "def init(): pass\n", CaptureError, r"run"),
        ("a.py", "def init(: pass\n", CaptureError, r"a\.py"),
        ("a.py", "\0", CaptureError, r"a\.py"),
    ],
)
def test_a_bad_script_names_the_file(
    intake: Intake, tmp_path: Path, name: str, text: str, error: type[Exception], words: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(error, match=words):
        sources.take(intake, InferenceConfig(str(tmp_path / name)))


def test_missing_things_are_named(intake: Intake, source: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"Did you mean 'score\.py'"):
        sources.take(intake, InferenceConfig("scor.py", source_directory=str(source)))
    with pytest.raises(NotFound, match="Source directory"):
        sources.take(intake, InferenceConfig("score.py", source_directory=str(tmp_path / "no")))
    gone = {"assets/x": str(tmp_path / "x")}
    with pytest.raises(NotFound, match="Asset"):
        sources.take(intake, InferenceConfig("score.py", script_text=SCRIPT, assets=gone))
    (tmp_path / "latin.py").write_bytes(b"# \xe9\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        sources.take(intake, InferenceConfig(str(tmp_path / "latin.py")))


def test_a_directory_that_is_too_large_is_refused(
    intake: Intake, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LARGEST_SOURCE_BYTES", 100)
    with pytest.raises(UsageError, match="register large files as a model"):
        sources.take(intake, InferenceConfig("score.py", source_directory=str(source)))
