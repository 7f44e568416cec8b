"""The files and packages of the scoring server, for interpreters and images without mlmagic.

The server needs nothing else of mlmagic; `mlmagic/errors.py` and `mlmagic/visible_text.py` are for scripts
that import its errors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

SERVER_REQUIREMENTS = (
    "httptools>=0.6",
    "joblib>=1.3",
    "msgspec>=0.19",
    "orjson>=3.9",
    "prometheus-client>=0.20",
    "pyjwt>=2.10",
    "pysimdjson>=6.0",
    "pyyaml>=6.0",
    "uvloop>=0.19",
    "werkzeug>=3.0",
)
"""The packages that `mlmagic.scoring` imports, with the versions that mlmagic requires."""
OPTIONAL_REQUIREMENTS = ("setproctitle>=1.3",)
"""What it uses where it is installed, as beside mlmagic: lists of processes show the service's name."""
_SUFFIXES = (".py", ".html")


def server_files() -> Iterator[tuple[str, Path]]:
    """Each file of the server: its path below a folder of PYTHONPATH, and its path here."""
    home = Path(__file__).parents[1]
    alone = (home / name for name in ("__init__.py", "_version.py", "errors.py", "visible_text.py"))
    found = [*alone, *(home / "scoring").rglob("*")]
    for path in sorted(found):
        if path.suffix in _SUFFIXES and path.is_file():
            yield path.relative_to(home.parent).as_posix(), path


def server_digest() -> str:
    """16 hexadecimal digits that identify the content of the server's files."""
    digest = hashlib.sha256()
    for name, path in server_files():
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def lay_out_server(folder: Path) -> None:
    """Copy the server's files below ``folder``, which can then be on PYTHONPATH."""
    for name, path in server_files():
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
