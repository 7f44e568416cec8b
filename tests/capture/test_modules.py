from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.capture.modules import DATA_LIMIT, imported_modules, is_local
from tests.support.notebooks import Notebook


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b as c, d", {"a.b", "d"}),
        ("from a import b", {"a", "a.b"}),
        ("from a import *", {"a"}),
        ("from . import b\nfrom .c import d", set()),
        ("def f():\n    import late", {"late"}),
        ("try:\n    import fast\nexcept ImportError:\n    import slow", {"fast", "slow"}),
        ("if TYPE_CHECKING:\n    import x\nelse:\n    import y", {"y"}),
        ("import typing\nif typing.TYPE_CHECKING:\n    import x", {"typing"}),
    ],
)
def test_imports_of_a_source(source: str, expected: set[str]) -> None:
    assert imported_modules(source) == expected


@pytest.mark.parametrize("name", ["json", "sys", "numpy", "pytest", "mlmagic", "not_there", "__main__", ""])
def test_what_is_installed_is_not_local(name: str) -> None:
    assert not is_local(name)


def test_local_modules_come_along_with_what_they_import(notebook: Notebook) -> None:
    Path("helpers.py").write_text("import pkg.inner\ndef f(x): return pkg.inner.g(x)\n")
    for folder in ("pkg/data", "pkg/__pycache__", "pkg/.git"):
        Path(folder).mkdir(parents=True)
    Path("pkg/__init__.py").write_text("")
    Path("pkg/inner.py").write_text("from plain import k\nimport numpy\ndef g(x): return x + k\n")
    Path("pkg/data/words.txt").write_text("w")
    with Path("pkg/data/weights.bin").open("wb") as file:
        file.truncate(DATA_LIMIT + 1)
    Path("pkg/__pycache__/inner.pyc").write_text("")
    Path("pkg/.git/HEAD").write_text("")
    Path("plain.py").write_text("k = 1\n")
    Path("unused.py").write_text("")
    script = notebook.run("from helpers import f").capture("f(data)")
    assert list(script.assets) == [
        "helpers.py",
        "pkg/__init__.py",
        "pkg/data/words.txt",
        "pkg/inner.py",
        "plain.py",
    ]
    assert "from helpers import f\n" in script.source
    assert [line.partition("==")[0] for line in script.requirements] == ["numpy"]
    assert notebook.serve(script, 1) == 2


def test_a_local_module_that_the_cell_itself_imports(notebook: Notebook) -> None:
    Path("helpers2.py").write_text("def f(x): return x\n")
    script = notebook.capture("from helpers2 import f\ndef init(): ...\ndef run(data): return f(data)\n")
    assert list(script.assets) == ["helpers2.py"]
