"""Packages that only some installations have, and how people install them. Pure rules."""

from __future__ import annotations

from mlmagic.errors import UsageError

INSTALLED_WITH = {
    "bokeh": "mlmagic[batch]",
    "distributed": "mlmagic[batch]",
    "docker": "mlmagic[docker]",
    "fsspec": "fsspec",
    "kubernetes": "mlmagic[kubernetes]",
    "matplotlib": "mlmagic[charts]",
    "mlflow": "mlmagic[mlflow]",
    "numpy": "numpy",
    "onnxruntime": "onnxruntime",
    "pandas": "pandas",
    "psycopg": "mlmagic[postgresql]",
    "pyarrow": "pyarrow",
    "scipy": "mlmagic[drift]",
    "skl2onnx": "mlmagic[compile]",
    "sklearn": "scikit-learn",
    "uv": "mlmagic[environments]",
}
"""Import name -> what pip is given."""


def missing_package(error: ModuleNotFoundError) -> UsageError | None:
    """The error about a package that is missing; None for a module that is none of these."""
    name = (error.name or "").partition(".")[0]
    given = INSTALLED_WITH.get(name)
    return None if given is None else missing(name, given)


def missing(name: str, given: str) -> UsageError:
    """The error about the package ``name``, which is installed by what pip is ``given``."""
    what = f"'{given}'" if "[" in given else given
    return UsageError(
        f"this needs the package {name}, which is not installed",
        hint=f"Install it with: pip install {what}",
    )
