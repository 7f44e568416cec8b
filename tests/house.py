"""Count what mlmagic is made of: ``python -m tests.house``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.support.imports import FILES, PACKAGE, arrows_back, circles, imports, module_of, room_of

BIGGEST = 10


def report() -> str:
    """Rooms, files, lines, circles of imports, arrows back, the biggest files, the names in the engine."""
    sizes = {module_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    files, lines = Counter(map(room_of, sizes)), Counter[str]()
    for module, size in sizes.items():
        lines[room_of(module)] += size
    report = [f"rooms: {len(files)}, files: {files.total()}, lines: {lines.total()}"]
    report += [f"  {room:10} {files[room]:4} files {lines[room]:6} lines" for room in sorted(files)]
    report += _counted("circles of imports", map(" ".join, circles(imports())))
    report += _counted("arrows back between rooms", arrows_back())
    report += [f"biggest files: {BIGGEST}"]
    biggest = sorted(sizes, key=lambda module: (-sizes[module], module))[:BIGGEST]
    report += [f"  {sizes[module]:4} {module}" for module in biggest]
    engine = {path.relative_to(PACKAGE / "engine").parts[0] for path in (PACKAGE / "engine").rglob("*.py")}
    report += _counted("names in mlmagic/engine", sorted(engine - {"__init__.py"}))
    return "\n".join(report)


def _counted(title: str, found: Iterable[str]) -> list[str]:
    lines = list(found)
    return [f"{title}: {len(lines)}", *(f"  {line}" for line in lines)]


if __name__ == "__main__":
    print(report())
