"""The main program of a zip application: unpack the files once, install packages if needed, and serve.

It needs Python only, not mlmagic. If the interpreter that starts it has every package in the pinned version,
that interpreter serves; else the packages are installed once into an environment beside the unpacked files,
which needs pip and a package index. MLMAGIC_PACKAGES names another folder than
~/.cache/mlmagic-packages.
"""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path


def main() -> None:
    archive = Path(sys.argv[0]).resolve()
    with zipfile.ZipFile(archive) as packed:
        settings = json.loads(packed.read("package.json"))
        home = folder() / settings["digest"][:32]
        if not home.is_dir():
            home.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=home.parent) as draft:
                packed.extractall(Path(draft) / "files")
                try:
                    (Path(draft) / "files").rename(home)
                except OSError:  # another process was faster
                    if not home.is_dir():
                        raise
    wanted = sys.version_info[:2]
    if wanted < tuple(settings["python"]):
        sys.exit(
            f"it needs Python {'.'.join(map(str, settings['python']))}; this is {sys.version.split()[0]}"
        )
    python = interpreter(home)
    command = [python, "-m", "mlmagic.scoring", "--entry-script", settings["entry_script"]]
    command += ["--source-directory", str(home / "azureml-app")]
    if settings["model_dir"] is not None:
        command += ["--model-dir", str(home / "azureml-models" / settings["model_dir"])]
    environment = {**settings["variables"], **os.environ, "PYTHONPATH": str(home / "server")}
    os.execve(python, [*command, *sys.argv[1:]], environment)


def folder() -> Path:
    named = os.environ.get("MLMAGIC_PACKAGES")
    return Path(named) if named else Path.home() / ".cache" / "mlmagic-packages"


def interpreter(home: Path) -> str:
    files = [home / name for name in ("server.txt", "requirements.txt") if (home / name).is_file()]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").split("\n")]
    if all(is_here(line) for line in lines if line and not line.startswith("-")):
        return sys.executable
    place = home / f"venv-{sys.version_info.major}.{sys.version_info.minor}"
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        print(f"installing {len(lines)} packages into {place}, once", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *(word for file in files for word in ("-r", str(file)))], check=True)
        (place / "complete").touch()
    return str(python)


def is_here(line: str) -> bool:
    name, _, version = line.partition("==")
    try:
        return bool(version) and metadata.version(name.split("[")[0]) == version
    except metadata.PackageNotFoundError:
        return False


if __name__ == "__main__":
    main()
