"""The README and the guides are true: examples, links, paths, magics and options."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from mlmagic.targets.base import ComputeTarget

ROOT = Path(__file__).parents[1]
GUIDES = sorted(path for kind in ("*.md", "*.ipynb") for path in (ROOT / "notebooks").glob(kind))
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "mlmagic/README.md", "tests/README.md")),
    *GUIDES,
]
COMMANDS = ("pip install '.[demo]' && mlmagic demo", "bash tests/run")
MOST_LINES = 200
"""A README that is longer is not read."""

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def text_of(document: Path) -> str:
    """A document as Markdown; of a notebook, its text cells."""
    text = document.read_text(encoding="utf-8")
    if document.suffix == ".md":
        return text
    return "\n".join("".join(cell["source"]) for cell in cells_of(text) if cell["cell_type"] == "markdown")


def cells_of(notebook: str) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(notebook)["cells"]
    return cells


README = text_of(ROOT / "README.md")
MAGICS = text_of(ROOT / "notebooks" / "magics.md")
CODE_MAP = text_of(ROOT / "mlmagic" / "README.md")


def section(heading: str, text: str = README) -> str:
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(table: str) -> list[list[str]]:
    """The cells of each row that begins with code."""
    lines = [line for line in table.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def anchors(text: str) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "mlmagic")
    yield shell
    shell.run_line_magic("unload_ext", "mlmagic")
    InteractiveShell.clear_instance()


def options_of(shell: InteractiveShell, magic: str) -> set[str]:
    kind = "cell" if magic.startswith("%%") else "line"
    return {"--help", *shell.find_magic(magic.strip("%"), kind).parser._option_string_actions}


# -- the README ---------------------------------------------------------------------------------------


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= MOST_LINES


def test_the_readme_names_every_guide() -> None:
    assert [path.name for path in GUIDES if f"](notebooks/{path.name})" not in README] == []


def test_the_two_commands_stand_in_it_once() -> None:
    lines = [line.strip() for line in README.splitlines() if line.startswith("    ")]
    for command in COMMANDS:
        assert lines.count(command) == 1
    assert [line for line in section("Set-up").splitlines() if line.startswith("    ")] == [
        f"    {command}" for command in COMMANDS
    ]


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


# -- magics -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table", [section("Magics"), section("All magics", MAGICS)], ids=["README", "reference"]
)
def test_a_table_has_every_magic_and_no_other(table: str, shell: InteractiveShell) -> None:
    groups = shell._mlmagic_extension._groups
    registered = {
        f"{'%' if kind == 'line' else '%%'}{name}"
        for group in groups
        for kind, magics in group.magics.items()
        for name in magics
    }
    listed = {row[0].strip("`").split()[0] for row in rows(table)}
    # %%score is the cell form of %score, and stands in its row.
    assert registered - listed == {"%%score"}
    assert listed <= registered
    assert "`%%score NAME`" in table


@pytest.mark.parametrize(
    "table", [section("Magics"), section("All magics", MAGICS)], ids=["README", "reference"]
)
def test_a_tables_options_exist(table: str, shell: InteractiveShell) -> None:
    for magic, _, options, *_ in rows(table):
        name = magic.strip("`").split()[0]
        unknown = set(re.findall(r"`(-[-\w]+)", options)) - options_of(shell, name)
        assert not unknown, f"{name} {unknown}"


@each_document
def test_the_options_of_its_lines_exist(document: Path, shell: InteractiveShell) -> None:
    """Lines of code, indented or in backticks; those in notebook cells are run."""
    text = text_of(document)
    for magic, arguments in re.findall(r"(?:^    |`)(%{1,2}\w+)([^`\n]*)", text, flags=re.MULTILINE):
        if magic in ("%config", "%load_ext"):  # IPython's own
            continue
        unknown = set(re.findall(r"(?<= )--[a-z][-\w]*", arguments.partition("#")[0])) - options_of(
            shell, magic
        )
        assert not unknown, f"{magic} {unknown}"


# -- links and paths ----------------------------------------------------------------------------------


@each_document
def test_its_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(document)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(text_of(target)), link


@each_document
def test_the_paths_it_names_exist(document: Path) -> None:
    text = text_of(document)
    for path in re.findall(r"`((?:mlmagic|notebooks|tests|binder)/[^`\s]*)`", text):
        if path != "tests/artifacts":  # made by the browser tests
            assert (ROOT / path).exists(), path
    for module in re.findall(r"python -m (tests[\w.]+)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module


# -- the code map -------------------------------------------------------------------------------------


def test_the_code_map_names_every_room() -> None:
    paths = [row[0].strip("`") for row in rows(CODE_MAP)]
    rooms = {
        f"mlmagic/{path.name}"
        for path in (ROOT / "mlmagic").iterdir()
        if not path.name.startswith(("_", "py.")) and path.suffix != ".md"
    }
    assert rooms == {path.rstrip("/") for path in paths if path.startswith("mlmagic/")}


def test_the_example_of_a_target_has_all_methods() -> None:
    example = section("Add a compute target", CODE_MAP)
    assert ComputeTarget.__abstractmethods__ <= set(re.findall(r"def (\w+)\(", example))
