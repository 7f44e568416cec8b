"""Files shipped beside a script, and the paths by which the script finds them again."""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlmagic.core.folders import files_below
from mlmagic.errors import InvalidConfig, NotFound


@dataclass(frozen=True, slots=True)
class Shipped:
    """A file or folder: its path in the service (relative to the script), and on this machine."""

    name: str
    place: str
    path: Path

    @property
    def expression(self) -> str:
        """Source of the path inside the service, whatever folder the service runs in."""
        parts = " / ".join(
            repr(part).replace("'", '"') if '"' not in part else repr(part) for part in self.place.split("/")
        )
        return f"str(pathlib.Path(__file__).resolve().parent / {parts})"

    @property
    def files(self) -> Iterator[tuple[str, str]]:
        """Path in the service and path on this machine, of each file."""
        if self.path.is_file():
            yield self.place, str(self.path)
            return
        for file in files_below(self.path, leave_out={"__pycache__"}):
            yield f"{self.place}/{file.relative_to(self.path).as_posix()}", str(file)


def read_assets(assets: Mapping[str, str]) -> tuple[Shipped, ...]:
    """Read the values of ``--asset name=path``. Assets with equal file names get separate folders.

    Raises `InvalidConfig` for a name that cannot be a variable or a folder without files, `NotFound`
    for a path that does not exist.
    """
    shipped: list[Shipped] = []
    taken: set[str] = set()
    for name, given in assets.items():
        if not name.isidentifier() or keyword.iskeyword(name):
            raise InvalidConfig("asset name", name, "must be a valid Python variable name")
        path = Path(given).expanduser()
        if not path.exists():
            raise NotFound("file", given, hint=f"--asset {name}=PATH ships a file or a folder.")
        path = path.resolve()
        place = f"assets/{path.name}"
        # Lower case: the image may be built where names differ by case only in show.
        if place.lower() in taken:
            place = f"assets/{name}/{path.name}"
        taken.add(place.lower())
        asset = Shipped(name, place, path)
        if not any(True for _ in asset.files):
            raise InvalidConfig("asset", given, "is a folder without files")
        shipped.append(asset)
    return tuple(shipped)
