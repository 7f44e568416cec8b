"""The main program of a zip application: unpack the files once, install packages if needed, and serve.

It needs Python only, not mlmagic. If the interpreter that starts it has every package in the pinned version,
that interpreter serves; else the packages are installed once into an environment beside the unpacked files,
which needs pip and a package index. MLMAGIC_PACKAGES names another folder than
~/.cache/mlmagic-packages.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any


def main() -> None:
    archive = Path(sys.argv[0]).resolve()
    with zipfile.ZipFile(archive) as packed:
        settings = json.loads(packed.read("package.json"))
        # First of all: help and a wrong option need nothing that is to be installed.
        parser(archive.name, settings).parse_args()
        wanted = sys.version_info[:2]
        if wanted < tuple(settings["python"]):
            sys.exit(
                f"it needs Python {'.'.join(map(str, settings['python']))}; this is {sys.version.split()[0]}"
            )
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
    python = interpreter(home)
    command = [python, "-m", "mlmagic.scoring", "--entry-script", settings["entry_script"]]
    command += ["--source-directory", str(home / "azureml-app")]
    if settings["model_dir"] is not None:
        command += ["--model-dir", str(home / "azureml-models" / settings["model_dir"])]
    environment = {**settings["variables"], **os.environ, "PYTHONPATH": str(home / "server")}
    if (home / "azureml-compiled").is_dir():
        environment["MLMAGIC_COMPILED_MODELS"] = str(home / "azureml-compiled")
    os.execve(python, [*command, *sys.argv[1:]], environment)


def parser(name: str, settings: dict[str, Any]) -> argparse.ArgumentParser:
    """The options, which the server gets as they are."""
    models = ", ".join(settings["models"]) or "none"
    made = argparse.ArgumentParser(
        f"python {name}",
        description=f"Serve {settings['entry_script']} (models: {models}). POST requests to /score.",
        epilog="The first start unpacks the files into ~/.cache/mlmagic-packages, or the folder that "
        "MLMAGIC_PACKAGES names, and installs the packages that this Python does not have.",
        allow_abbrev=False,
    )
    add = made.add_argument
    add("--host", help="address to listen on (default: 127.0.0.1)")
    add("--port", type=int, help="port to listen on; 0 is any free port (default: 5001)")
    add("--no-auth", action="store_true", help="allow --host to be reached from elsewhere without keys")
    add("--keys-file", metavar="FILE", help="JSON with primary, secondary and token_secret")
    add("--allowed-hosts", metavar="HOSTS", help="host names that are accepted besides local ones, or *")
    add("--ssl-cert", metavar="FILE", help="certificate chain (PEM): serve with TLS")
    add("--ssl-key", metavar="FILE", help="private key of the certificate (PEM)")
    add("--batch", action="store_true", help="call run() once for concurrent requests (dynamic batching)")
    add("--workers", type=int, metavar="COUNT", help="processes that share the requests (default: 1)")
    add("--idle-timeout", type=float, metavar="SECONDS", help="end the processes while nobody calls")
    add("--grace", type=float, metavar="SECONDS", help="time to finish requests in after a stop signal")
    return made


def folder() -> Path:
    named = os.environ.get("MLMAGIC_PACKAGES")
    return Path(named) if named else Path.home() / ".cache" / "mlmagic-packages"


def interpreter(home: Path) -> str:
    files = [home / name for name in ("server.txt", "requirements.txt") if (home / name).is_file()]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    wanted = [line for line in lines if line and not line.startswith("-")]
    if all(map(is_here, wanted)):
        return sys.executable
    place = home / f"venv-{sys.version_info.major}.{sys.version_info.minor}"
    python = place / "bin" / "python"
    with locked(home / f"{place.name}.lock"):  # another first start may be installing them
        if not (place / "complete").exists():
            print(f"installing {len(wanted)} packages into {place}, once", file=sys.stderr, flush=True)
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            done = subprocess.run([*pip, *(word for file in files for word in ("-r", str(file)))])
            if done.returncode:
                sys.exit(f"the packages cannot be installed: pip ended with code {done.returncode}")
            (place / "complete").touch()
    return str(python)


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    import fcntl

    with file.open("a") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)  # released when this process ends, also when it is killed
        yield


def is_here(line: str) -> bool:
    name, _, version = line.partition("==")
    try:
        return bool(version) and metadata.version(name.split("[")[0]).partition("+")[0] == version
    except metadata.PackageNotFoundError:
        return False


if __name__ == "__main__":
    main()
