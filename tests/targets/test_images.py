"""What is left out of an image, and what its packages are pinned to."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mlmagic.core.environment import EnvironmentNeeds
from mlmagic.targets.images.build_plan import BuildPlan
from mlmagic.targets.images.context import Context
from mlmagic.targets.images.dockerfile import Recipe
from mlmagic.targets.images.ignore import ignored
from mlmagic.targets.images.pinning import locked, pinned

FILES = ["score.py", "data/a.csv", "data/b.txt", "data/deep/c.csv", "notes.md", "x/y/z.log"]


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        ("", FILES),
        ("# data\n\n", FILES),
        ("data", ["score.py", "notes.md", "x/y/z.log"]),
        ("/data/", ["score.py", "notes.md", "x/y/z.log"]),
        ("*.md", [path for path in FILES if path != "notes.md"]),
        ("*.csv", FILES),  # from the root only
        ("**/*.csv", ["score.py", "data/b.txt", "notes.md", "x/y/z.log"]),
        ("data/*.csv", [path for path in FILES if path != "data/a.csv"]),
        ("**/y", [path for path in FILES if not path.startswith("x/")]),
        ("*\n!score.py", ["score.py"]),
        ("data\n!data/a.csv", ["score.py", "data/a.csv", "notes.md", "x/y/z.log"]),
        ("!score.py\n*.py", [path for path in FILES if path != "score.py"]),
        ("note?.md", [path for path in FILES if path != "notes.md"]),
        ("[m-o]otes.md", [path for path in FILES if path != "notes.md"]),
        ("[^n]otes.md", FILES),
        # Where Docker's rules are not those of .gitignore.
        ("[!n]otes.md", [path for path in FILES if path != "notes.md"]),
        ("da**.csv", FILES),  # `**` stands for whole folders
        ("da**c.csv", [path for path in FILES if path != "data/deep/c.csv"]),
        ("**.csv", [path for path in FILES if not path.endswith(".csv")]),
        ("**es.m?", FILES),
    ],
)
def test_dockerignore(ignore: str, left: list[str]) -> None:
    leaves_out = ignored(ignore)
    assert [path for path in FILES if not leaves_out(path)] == left


INSTALLED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "scikit-learn": ("1.5.0", ("numpy>=1.19", "joblib>=1.2", "pytest; extra == 'tests'")),
    "numpy": ("2.2.1+cpu", ()),
    "joblib": ("1.4.2", ("dill; sys_platform == 'win32'",)),
    "uvicorn": ("0.30.0", ("click>=7", "watch>=1; extra == 'standard'")),
    "click": ("8.1.0", ()),
    "watch": ("1.2.0", ("click",)),
}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["scikit-learn"], ("joblib==1.4.2", "numpy==2.2.1", "scikit-learn==1.5.0")),
        (["scikit-learn==1.5.0"], ("joblib==1.4.2", "numpy==2.2.1", "scikit-learn==1.5.0")),
        (["scikit_learn>=2"], ("scikit_learn>=2",)),
        (["nowhere>1", "numpy"], ("nowhere>1", "numpy==2.2.1")),
        (["uvicorn"], ("click==8.1.0", "uvicorn==0.30.0")),
        (["uvicorn[standard]"], ("click==8.1.0", "uvicorn[standard]==0.30.0", "watch==1.2.0")),
        (["mlmagic==0.1.0", "numpy; python_version < '3'"], ()),
        (["./wheels/mine.whl"], ("./wheels/mine.whl",)),
    ],
)
def test_requirements_are_pinned_to_what_is_here(asked: list[str], expected: tuple[str, ...]) -> None:
    assert locked(asked, INSTALLED.get) == expected


@pytest.mark.parametrize(
    ("asked", "there", "of_user", "of_server"),
    [
        ([], {}, [], ["joblib>=1.3"]),
        ([], {"joblib": "1.6.0"}, [], ["joblib==1.6.0"]),
        (["joblib==1.6.0"], {"joblib": "1.6.0"}, ["joblib==1.6.0"], []),
        (["joblib"], {"joblib": "1.6.0"}, ["joblib==1.6.0"], []),
        (["joblib==1.5.0"], {"joblib": "1.6.0"}, ["joblib==1.5.0"], []),
        # What excludes the server's own requirement, or says nothing of it, the installer has to settle.
        (["joblib==1.0.0"], {"joblib": "1.6.0"}, ["joblib==1.0.0"], ["joblib>=1.3"]),
        (["joblib>=1.2"], {}, ["joblib>=1.2"], ["joblib>=1.3"]),
        (["joblib==1.*"], {}, ["joblib==1.*"], ["joblib>=1.3"]),
    ],
)
def test_script_and_server_have_one_line_for_a_package(
    asked: list[str], there: dict[str, str], of_user: list[str], of_server: list[str]
) -> None:
    text = "".join(f"{line}\n" for line in asked).encode()
    plan = BuildPlan(
        Recipe("python"), EnvironmentNeeds(), Context({"requirements.txt": text}), Context(), "s.py", None, ()
    )
    made = pinned(plan, lambda name: (there[name], ()) if name in there else None)
    files = {name: content.decode().split() for name, content in made.foundation.files.items()}  # type: ignore[union-attr]
    assert files["requirements.txt"] == of_user
    assert [line for line in files["server.txt"] if line.startswith("joblib")] == of_server
