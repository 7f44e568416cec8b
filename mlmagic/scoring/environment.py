"""The environment of the process that a script runs in: its folder, import path and environment variables."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

MODEL_DIR = "AZUREML_MODEL_DIR"
APP_ROOT = "AML_APP_ROOT"
COMPILED_MODELS = "MLMAGIC_COMPILED_MODELS"
"""The folder of the compiled models: that of the model file NAME/VERSION/FILE is in NAME/VERSION/FILE/."""
ENTRY_SCRIPT = "AZUREML_ENTRY_SCRIPT"
SOURCE_DIRECTORY = "AZUREML_SOURCE_DIRECTORY"
SOURCE_NAME_FILE = ".azureml-source-name"
"""A file in the source directory that holds the name that the folder had where it was deployed from."""
DEFINITIONS_FILE = ".notebook-definitions.py"
"""A file in the source directory: classes and functions that the models' pickles look for in `__main__`."""
WORKER_COUNT = "WORKER_COUNT"
INSIGHTS_ENABLED, INSIGHTS_KEY = "AML_APP_INSIGHTS_ENABLED", "AML_APP_INSIGHTS_KEY"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
TREE_LINES = 50


@dataclass(frozen=True)
class ScriptEnvironment:
    """A script, its source directory and its models; all paths are absolute."""

    script: Path
    source: Path
    models: Path | None

    @classmethod
    def of(cls, entry_script: str, source_directory: str | None, model_dir: str | None) -> ScriptEnvironment:
        """From the command line, where the script is relative to the source directory."""
        if source_directory:
            source = Path(source_directory).resolve()
            script = (source / entry_script).resolve()
        else:
            script = Path(entry_script).resolve()
            source = script.parent
        return cls(script, source, Path(model_dir).resolve() if model_dir else None)

    def set_variables(self, variables: MutableMapping[str, str] = os.environ) -> None:
        """Set the variables that say where the script and its models are."""
        variables[APP_ROOT] = variables[SOURCE_DIRECTORY] = str(self.source)
        variables[ENTRY_SCRIPT] = str(self.script)
        if self.models:
            variables[MODEL_DIR] = str(self.models)
        for name in (MODEL_DIR, COMPILED_MODELS):
            if (given := variables.get(name)) and Path.cwd() != self.source:
                # The script will run in its source directory, where a relative path leads elsewhere.
                variables[name] = os.path.abspath(given)

    def import_from(self, folder: str) -> bool:
        """Add a folder, relative to the source directory, to the end of the import path; False if missing."""
        place = self.source / folder
        if not place.is_dir():
            return False
        if str(place.resolve()) not in (str(self.source), *sys.path):
            sys.path.append(str(place.resolve()))
        return True

    def apply(self) -> None:
        """Set the working directory, the import path and the variables of this process."""
        self.set_variables()
        set_server_variables(os.environ)
        # `python -m` has put the launcher's folder first; the script must not import from there.
        if sys.path and sys.path[0] == os.getcwd():
            del sys.path[0]
        if self.source.is_dir():
            os.chdir(self.source)
            _link_own_name(self.source)
        folder, source = str(self.script.parent), str(self.source)
        sys.path[:0] = [folder] if folder == source else [folder, source]


def set_server_variables(variables: MutableMapping[str, str]) -> None:
    """Set the variables that the server of Azure ML v1 sets for each script."""
    variables.setdefault(WORKER_COUNT, "1")
    key = variables.get(INSIGHTS_KEY, "")
    enabled = variables.get(INSIGHTS_ENABLED) == "true" and _UUID.fullmatch(key)
    variables[INSIGHTS_ENABLED] = "true" if enabled else "false"


def _link_own_name(source: Path) -> None:
    """Let ``source_directory/file`` be found as well as ``file``.

    Azure ML v1 copies the folder under its own name into the working directory; here it is the working
    directory. An image has this link already.
    """
    try:
        name = (source / SOURCE_NAME_FILE).read_text(encoding="utf-8")
        (source / name).symlink_to(".")
    except OSError:
        return


def model_files(limit: int = TREE_LINES) -> list[str]:
    """Files under AZUREML_MODEL_DIR, relative and in order; at most ``limit`` of them."""
    root = os.environ.get(MODEL_DIR, "")
    found: list[str] = []
    if root:
        for folder, below, files in os.walk(root):
            below.sort()
            found += [os.path.relpath(os.path.join(folder, file), root) for file in sorted(files)]
            if len(found) >= limit:
                break
    return found[:limit]


_LOST = re.compile(r"Can't get attribute '(?P<name>[\w.]+)' on <module '(?P<module>\w+)'")
"""The error of a pickle that names what is not defined, as a class of the notebook that made it."""


def hint_for(error: BaseException) -> str:
    """What to do about an error of a script that starts, as far as its environment tells."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"Is {error.name.partition('.')[0]!r} among the requirements of this service?"
    if isinstance(error, KeyError) and error.args == (MODEL_DIR,):
        return "This service was started without a model."
    if isinstance(error, FileNotFoundError):
        return _models_hint()
    if isinstance(error, AttributeError) and (found := _LOST.match(str(error))):
        if found["module"] not in ("__main__", getattr(sys.modules.get("__main__"), "__name__", "")):
            return ""
        name = found["name"].partition(".")[0]
        return (
            f"The model's pickle needs {name!r} of the notebook that made it. Register it there with "
            f"%register, or write a script with %%score_script that uses {name}."
        )
    return ""


def _models_hint() -> str:
    if MODEL_DIR not in os.environ:
        return f"{MODEL_DIR} is not set: this service was started without a model."
    files = model_files(9)
    shown = ", ".join(files[:8]) + (", ..." if len(files) > 8 else "")
    return f"{MODEL_DIR} contains: {shown or 'nothing'}."
