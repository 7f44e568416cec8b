"""What a scoring server is made of, for places that do not have this installation: its files and packages.

The scoring room needs nothing else of ours; `mlmagic/errors.py` comes along for scripts that name our errors.
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
)
"""The distributions that the scoring room imports, as this package itself asks for them."""
_SUFFIXES = (".py", ".html")


def server_files() -> Iterator[tuple[str, Path]]:
    """Each file of the server: where it belongs below a folder of PYTHONPATH, and where it lies here."""
    home = Path(__file__).parents[1]
    alone = (home / name for name in ("__init__.py", "_version.py", "errors.py"))
    found = [*alone, *(home / "scoring").rglob("*")]
    for path in sorted(found):
        if path.suffix in _SUFFIXES and path.is_file():
            yield path.relative_to(home.parent).as_posix(), path


def server_digest() -> str:
    """The same for the same files: 16 hexadecimal digits."""
    told = hashlib.sha256()
    for name, path in server_files():
        content = path.read_bytes()
        told.update(f"{name}\0{len(content)}\0".encode() + content)
    return told.hexdigest()[:16]


def lay_out_server(folder: Path) -> None:
    """Copy the server's files below ``folder``, which is to be on PYTHONPATH."""
    for name, path in server_files():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
