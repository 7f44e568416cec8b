"""Serve models without a script: detect the framework of a model, and generate its entry script."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from mlmagic.capture.modules import installed_modules
from mlmagic.capture.requirements import pinned_requirements
from mlmagic.core import advice
from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import Model, definitions_of
from mlmagic.engine.models.frameworks import framework_of_modules, framework_of_names
from mlmagic.errors import Advice, UsageError

SCRIPT = "score.py"
SAMPLE = "sample.json"
FRAMEWORKS_ROOM = "mlmagic.scoring.frameworks"


@dataclass(frozen=True, slots=True)
class Framework:
    """How models of one framework are served."""

    name: str
    """The framework's name: Azure ML v1's constant, or an addition."""
    module: str
    """The name of its module in the scoring server."""
    needs: tuple[str, ...]
    """Required modules; the first is the one to install."""
    uses: tuple[str, ...] = ("numpy",)
    """Optional modules, used if they are installed."""


_TABLES = ("numpy", "pandas")
FRAMEWORKS = {
    each.name: each
    for each in (
        Framework("Onnx", "onnx", ("onnxruntime",)),
        Framework("ScikitLearn", "scikit_learn", ("sklearn", "joblib"), _TABLES),
        Framework("TensorFlow", "tensorflow", ("tensorflow",)),
        Framework("PyTorch", "pytorch", ("torch",)),
        Framework("XGBoost", "xgboost", ("xgboost",), (*_TABLES, "joblib", "sklearn")),
        Framework("LightGBM", "lightgbm", ("lightgbm",), (*_TABLES, "joblib", "sklearn")),
        Framework("MLflow", "mlflow", ("yaml",), (*_TABLES, "mlflow", "joblib", "sklearn")),
    )
}
"""The frameworks by name. Several models are Multi: each has its own framework."""
_TO_INSTALL = {"sklearn": "scikit-learn", "yaml": "mlflow"}

IsInstalled = Callable[[str], bool]


def is_installed(module: str) -> bool:
    """Whether the top-level ``module`` is installed; it is not imported."""
    return find_spec(module) is not None


def inference_for(
    models: Sequence[Model], is_installed: IsInstalled = is_installed
) -> tuple[InferenceConfig, str]:
    """A generated script that serves these models, and a message about it.

    Raises `UsageError` for no model, one whose framework is not known or not supported, or a library that
    is not installed.
    """
    if not models:
        raise UsageError(
            "there is neither a script nor a model to serve",
            hint=Advice(
                "Name a model with {models}, or give {script}.",
                models=advice.argument("models"),
                script=advice.script(),
            ),
        )
    frameworks = [framework_of(model) for model in models]
    for model, framework in zip(models, frameworks, strict=True):
        _check_installed(model, framework, is_installed)
    needed = {name for framework in frameworks for name in framework.needs}
    stored = {name for model in models for name in model.details.modules}
    used = {name for framework in frameworks for name in framework.uses}
    samples = {model.id: sample_body(model) for model in models if model.details.sample_input is not None}
    if len(models) == 1:
        text = script_of_one(models[0], frameworks[0], has_sample=bool(samples))
        sample = samples.get(models[0].id)
        said = f"Serving model {models[0].id} without a script ({frameworks[0].name})."
    else:
        text = script_of_several(models, frameworks, has_samples=bool(samples))
        sample = samples
        each = (f"{model.id} ({one.name})" for model, one in zip(models, frameworks, strict=True))
        said = f"Serving models {', '.join(each)} without a script (Multi)."
    stored |= set(installed_modules(definitions_of(models)))
    inference = InferenceConfig(
        SCRIPT,
        script_text=text,
        texts={SAMPLE: json.dumps(sample)} if samples else {},
        requirements=pinned_requirements(needed | stored | used),
        modules=tuple(sorted(needed | stored)),
        no_code=True,
    )
    return inference, said


def framework_of(model: Model) -> Framework:
    """The framework of ``model``: the registered one, else detected from its files. Raises `UsageError`."""
    named = model.framework
    if named not in FRAMEWORKS and named in (None, "Custom"):
        paths = [file.path for file in model.files]
        named = framework_of_names(paths) or framework_of_modules(model.details.modules) or named
    if named in FRAMEWORKS:
        return FRAMEWORKS[named]
    supported = ", ".join([*FRAMEWORKS, "Multi (several models)"])
    if named == "Multi":
        raise UsageError(
            f"model {model.id} is registered as Multi, which is several models behind one service",
            hint="Register each by itself, and name them all.",
        )
    what = (
        "of a framework that cannot be detected from its files"
        if named in (None, "Custom")
        else f"a {named} model"
    )
    raise UsageError(
        f"model {model.id} cannot be served without a script: it is {what}. Supported are: {supported}",
        hint=Advice(
            "Register it with {framework} if it is one of these, or give {script}.",
            framework=advice.argument("model_framework"),
            script=advice.script(),
        ),
    )


def sample_body(model: Model) -> Any:
    """The model's sample input as a request body."""
    sample = model.details.sample_input
    return sample if isinstance(sample, dict) else {"data": sample}


def script_of_one(model: Model, framework: Framework, *, has_sample: bool) -> str:
    """The entry script that serves ``model``."""
    imports = (
        f"from {FRAMEWORKS_ROOM}.{framework.module} import init, run\n\n" + '__all__ = ["init", "run"]\n'
    )
    title = f'"""Serves the model {model.id} ({framework.name}) as it is."""\n\n'
    if not has_sample:
        return title + imports
    return (
        f"{title}{_READS_SAMPLE}{imports}\n"
        "# A body that fits: it warms the model up, and shows what a request must be.\n"
        f"warmup = {_SAMPLE}\n"
    )


def script_of_several(models: Sequence[Model], frameworks: Sequence[Framework], *, has_samples: bool) -> str:
    """The entry script that serves ``models``, each of its own framework."""
    title = f'"""Serves the models {", ".join(model.id for model in models)} as they are."""\n\n'
    rows = "".join(
        f'        "{model.id}": "{framework.module}",\n'
        for model, framework in zip(models, frameworks, strict=True)
    )
    samples = f"    samples={_SAMPLE},\n" if has_samples else ""
    return (
        f"{title}{_READS_SAMPLE if has_samples else ''}from {FRAMEWORKS_ROOM}.multi import serve\n\n"
        f"init, run = serve(\n    {{\n{rows}    }},\n{samples})\n"
    )


_READS_SAMPLE = "import json\nfrom pathlib import Path\n\n"
_SAMPLE = f'json.loads(Path(__file__).with_name("{SAMPLE}").read_text(encoding="utf-8"))'


def _check_installed(model: Model, framework: Framework, is_installed: IsInstalled) -> None:
    for module in framework.needs:
        top = module.partition(".")[0]
        if not is_installed(top):
            name = _TO_INSTALL.get(top, top)
            raise UsageError(
                f"serving model {model.id} ({framework.name}) needs {name}, which is not installed here",
                hint=f"Install it with: pip install {name}",
            )
