"""What the README says is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = ("pip install '.[demo]' && mlmagic demo", "bash tests/run")


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "mlmagic")
    yield shell
    shell.run_line_magic("unload_ext", "mlmagic")
    InteractiveShell.clear_instance()


def section(heading: str) -> str:
    return README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def first_column(heading: str) -> list[str]:
    rows = [line for line in section(heading).splitlines() if line.startswith("| `")]
    return [line.split("|")[1].strip().strip("`") for line in rows]


def test_the_table_has_every_magic_and_no_other(shell: InteractiveShell) -> None:
    groups = shell._mlmagic_extension._groups
    registered = {
        f"{'%' if kind == 'line' else '%%'}{name}"
        for group in groups
        for kind, magics in group.magics.items()
        for name in magics
    }
    told = {entry.split()[0] for entry in first_column("Magics")}
    # %%score is the cell form of %score, and stands in its row.
    assert registered - told == {"%%score"}
    assert told <= registered
    assert "`%%score NAME`" in section("Magics")


def test_the_tables_options_exist(shell: InteractiveShell) -> None:
    for line in section("Magics").splitlines():
        if not line.startswith("| `%"):
            continue
        _, magic, _, options, _, _ = line.split("|")
        name = magic.strip().strip("`").split()[0]
        kind = "cell" if name.startswith("%%") else "line"
        parser = shell.find_magic(name.strip("%"), kind).parser
        for option in re.findall(r"`(-[-\w]+)", options):
            assert option in parser._option_string_actions, f"{name} {option}"


def test_the_two_commands_stand_in_it_once() -> None:
    lines = [line.strip() for line in README.splitlines() if line.startswith("    ")]
    for command in COMMANDS:
        assert lines.count(command) == 1
    assert [line for line in section("Set-up").splitlines() if line.startswith("    ")] == [
        f"    {command}" for command in COMMANDS
    ]


def test_the_code_maps_paths_exist() -> None:
    paths = first_column("Code map")
    assert len(paths) > 10
    for path in paths:
        assert (ROOT / path).exists(), path
    rooms = {
        f"mlmagic/{path.name}"
        for path in (ROOT / "mlmagic").iterdir()
        if not path.name.startswith(("_", "py."))
    }
    assert rooms == {path.rstrip("/") for path in paths if path.startswith("mlmagic/")}


def test_other_paths_it_names_exist() -> None:
    for path in re.findall(r"`((?:mlmagic|notebooks|tests|binder)/[^`\s]*)`", README):
        assert (ROOT / path).exists(), path
    for module in re.findall(r"python -m ([\w.]+)", README):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module


@pytest.mark.processes
def test_the_example_runs(shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLMAGIC_WORKSPACE", str(tmp_path / "Übungen und Proben"))
    cells = re.findall(r"```python\n(.*?)```", section("Example"), flags=re.DOTALL)
    assert len(cells) == 4
    try:
        for cell in cells:
            shell.run_cell(cell, store_history=True).raise_error()
        found: dict[str, Any] = shell.user_ns
        assert found["svc"].state == "Healthy"
        assert found["answer"] == pytest.approx(found["ridge"].predict(found["patients"][:2]))
    finally:
        services = shell.run_line_magic("services", "")
        if services:
            shell.run_line_magic("delete", " ".join(service.name for service in services))
