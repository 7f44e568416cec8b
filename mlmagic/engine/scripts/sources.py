"""A script on its way into a deploy: from a cell's text, a file, or a file in a source directory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mlmagic.capture.entry import ENTRY, validate
from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.folders import files_below
from mlmagic.core.model import StoredFile
from mlmagic.core.paths import join
from mlmagic.engine.scripts import script_imports
from mlmagic.engine.scripts.script_imports import ScriptImports
from mlmagic.errors import NotFound, UsageError
from mlmagic.scoring.environment import SOURCE_NAME_FILE
from mlmagic.workspace.files import Intake

# What lies in a notebook's folder and no service needs.
_LEFT_OUT = frozenset({"__pycache__", ".git", ".ipynb_checkpoints", ".venv", "node_modules", ".mypy_cache"})
LARGEST_SOURCE_BYTES = 512 << 20


def take(
    intake: Intake, inference: InferenceConfig, required: Sequence[str] = ENTRY
) -> tuple[tuple[StoredFile, ...], InferenceConfig]:
    """Check the script and take it with all that comes along.

    Raises `NotFound`, `CaptureError` (no init or run, syntax) or `UsageError`; the files are taken whole
    or not at all. Returns them with the configuration as it is to be recorded.
    """
    files: dict[str, StoredFile] = {}
    if inference.source_directory is not None:
        folder = Path(inference.source_directory).expanduser()
        if not folder.is_dir():
            raise NotFound("source directory", str(folder), hint=f"The working folder is {Path.cwd()}.")
        found = _source_files(folder)
        for path in found:
            name = path.relative_to(folder).as_posix()
            files[name] = intake.take_file(path, name)
        own_name = folder.resolve().name
        if not (folder / own_name).exists() and _mention(own_name, found):
            files[SOURCE_NAME_FILE] = intake.take_bytes(own_name.encode(), SOURCE_NAME_FILE)
    text = inference.script_text
    if text is None:
        text = _read_script(inference)
    name = inference.entry_script if inference.source_directory else Path(inference.entry_script).name
    validate(text, name, required)
    files[name] = intake.take_bytes(text.encode(), name)
    for place, content in inference.texts.items():
        files[place] = intake.take_bytes(content.encode(), place)
    for place, source in inference.assets.items():
        _take_asset(intake, files, place, Path(source))
    taken = tuple(files[name] for name in sorted(files))
    recorded = replace(
        inference,
        entry_script=name,
        script_text=None,
        source_directory=None,
        taken_from=_origin(inference),
        assets={},
        texts={},
        modules=tuple(dict.fromkeys((*inference.modules, *_imports(inference, text).modules))),
    )
    return taken, recorded


def imports_of(inference: InferenceConfig) -> ScriptImports:
    """What a script imports that is not recorded yet; raises as `take` does."""
    text = inference.script_text
    return _imports(inference, _read_script(inference) if text is None else text)


def _imports(inference: InferenceConfig, text: str) -> ScriptImports:
    folders = []
    if inference.source_directory is not None:
        folder = Path(inference.source_directory).expanduser()
        folders = list(dict.fromkeys([folder, (folder / inference.entry_script).parent]))
    files = [(place, Path(source)) for place, source in inference.assets.items() if place.endswith(".py")]
    return script_imports.imports_of(text, folders, files)


def _origin(inference: InferenceConfig) -> str | None:
    if inference.script_text is not None:
        return inference.taken_from
    folder = Path(inference.source_directory or Path(inference.entry_script).expanduser().parent)
    return str(folder.expanduser().absolute())


def _read_script(inference: InferenceConfig) -> str:
    base = Path(inference.source_directory).expanduser() if inference.source_directory else Path()
    if inference.source_directory:
        path = join(base, inference.entry_script, "entry script")
    else:
        path = Path(inference.entry_script).expanduser()
    if not path.is_file():
        there = [found.name for found in base.glob("*.py")] if base.is_dir() else []
        hint = "" if there else f"The folder looked in is {base.absolute()}."
        raise NotFound("entry script", inference.entry_script, there, hint=hint)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"entry script {str(path)!r} is not UTF-8 text: {error}") from error


def _source_files(folder: Path) -> list[Path]:
    found, total = [], 0
    for path in files_below(folder, leave_out=_LEFT_OUT):
        found.append(path)
        total += path.stat().st_size
        if total > LARGEST_SOURCE_BYTES:
            raise UsageError(
                f"source directory {str(folder)!r} holds more than {LARGEST_SOURCE_BYTES >> 20} MB",
                hint="Put only what the script needs there, and register large files as a model.",
            )
    return found


def _mention(name: str, files: Iterable[Path]) -> bool:
    """Whether a Python file names the folder, perhaps to open a file in it."""
    return any(name.encode() in path.read_bytes() for path in files if path.suffix == ".py")


def _take_asset(intake: Intake, files: dict[str, StoredFile], place: str, source: Path) -> None:
    if not source.exists():
        raise NotFound("asset", str(source), hint="It was there when the cell was captured.")
    if source.is_file():
        files[place] = intake.take_file(source, place)
        return
    for path in _source_files(source):
        name = f"{place}/{path.relative_to(source).as_posix()}"
        files[name] = intake.take_file(path, name)
