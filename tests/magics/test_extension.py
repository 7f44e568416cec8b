"""Loading, unloading, settings, help."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.errors import NotFound
from mlmagic.magics.session import MLMagic
from tests.support.shells import SCRIPT, TestingShell

MAGICS = {
    "line": [
        "register",
        "models",
        "workspace",
        "deploy",
        "update",
        "rollback",
        "scale",
        "revisions",
        "score",
        "services",
        "logs",
        "delete",
    ],
    "cell": ["score_script", "score"],
}


def ours(shell: TestingShell) -> list[str]:
    return [
        name for kind, names in MAGICS.items() for name in names if name in shell.magics_manager.magics[kind]
    ]


def test_loading_twice_adds_it_once(bare_shell: TestingShell) -> None:
    import mlmagic

    bare_shell.run_cell("%load_ext mlmagic")
    matchers = len(bare_shell.Completer.custom_matchers)
    mlmagic.load_ipython_extension(bare_shell)
    bare_shell.run_cell("%load_ext mlmagic")
    assert len(bare_shell.Completer.custom_matchers) == matchers
    assert sum(isinstance(one, MLMagic) for one in bare_shell.configurables) == 1
    assert ours(bare_shell) == [*MAGICS["line"], *MAGICS["cell"]]


def test_unloading_leaves_the_shell_as_it_was(bare_shell: TestingShell) -> None:
    def state() -> list[int]:
        return [
            len(bare_shell.Completer.custom_matchers),
            len(bare_shell.configurables),
            len(bare_shell.input_transformers_cleanup),
        ]

    bare_shell.run_cell("%load_ext mlmagic")  # once before, as IPython adds its own magics meanwhile
    bare_shell.run_cell("%unload_ext mlmagic")
    before = state()
    bare_shell.run_cell("%load_ext mlmagic")
    bare_shell.run_cell("%unload_ext mlmagic")
    assert state() == before
    assert ours(bare_shell) == []
    bare_shell.run_cell("%load_ext mlmagic")
    bare_shell.run_cell("%reload_ext mlmagic")
    assert ours(bare_shell)


def test_settings_are_changed_with_config(session: MLMagic, shell: TestingShell, engine: Engine) -> None:
    shell.run_cell("%config MLMagic.target = 'nowhere'")
    assert session.target == "nowhere"
    shell.run_cell(f"%%score_script svc-a\n{SCRIPT}")
    session.use(engine)
    shell.refuses("%deploy svc-a", NotFound, "Target not found: 'nowhere'")


def test_every_magic_has_help(shell: TestingShell, tmp_path: Path) -> None:
    for name in MAGICS["line"]:
        for flag in ("--help", "-h"):
            assert shell.run_cell(f"%{name} {flag}") is None
            assert shell.stdout.lstrip().startswith("usage:")
            assert f"%{name}" in shell.stdout
            assert "--out" in shell.stdout or name == "delete"
    assert not (tmp_path / "home").exists()


def test_a_cell_magic_has_help_with_and_without_a_body(shell: TestingShell) -> None:
    for cell in (
        "%%score_script --help",
        "%%score_script x --help\n",
        "%%score -h",
        f"%%score_script -h\n{SCRIPT}",
    ):
        shell.run_cell(cell)
        assert shell.stdout.lstrip().startswith("usage:"), cell
        assert "Arguments:" in shell.stdout


def test_an_empty_cell_without_help_is_still_told(shell: TestingShell) -> None:
    from IPython.core.error import UsageError

    with pytest.raises(UsageError, match="the cell body is empty"):
        shell.run_cell("%%score_script x")


@pytest.mark.processes
def test_loading_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom IPython.core.interactiveshell import InteractiveShell\n"
        "InteractiveShell.instance().extension_manager.load_extension('mlmagic')\n"
        "heavy = {'docker', 'kubernetes', 'matplotlib', 'onnxruntime', 'sklearn', 'sqlalchemy', 'pandas', "
        "'numpy', 'ipywidgets'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
