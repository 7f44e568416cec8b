"""The packages that a service needs where its environment names none: images, folders and files alike.

They are those of the script's imports, of the models' frameworks, and of what the models' pickles name, in
the versions that are installed here. What the script or a model says itself overrides that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

from mlmagic.capture.modules import is_local
from mlmagic.capture.requirements import pinned_requirements
from mlmagic.core import advice
from mlmagic.core.compiled_models import RUNTIME, Compiled, has_parts, with_runtime
from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.environment import STANDINS, EnvironmentNeeds, needs_of, package_name
from mlmagic.core.model import Model
from mlmagic.engine.models.frameworks import HEAD_BYTES, framework_of_head, framework_of_names
from mlmagic.engine.models.pickled_modules import may_be_pickle, modules_in
from mlmagic.engine.scripts import sources
from mlmagic.engine.scripts.no_code import FRAMEWORKS
from mlmagic.engine.scripts.script_imports import ScriptImports
from mlmagic.errors import Advice, UsageError
from mlmagic.scoring.shims.finder import PACKAGES as STAND_INS
from mlmagic.targets.server_files import SERVER_REQUIREMENTS
from mlmagic.workspace.files import FileStore

Pins = Callable[[Iterable[str]], Iterable[str]]
_WITHOUT_PACKAGE = frozenset({"__main__", "__mp_main__", "__builtin__", "copy_reg", "mlmagic", *STAND_INS})
"""Top-level modules that Python or the scoring server has under these names."""
_LOADS_NOTHING = frozenset({*map(package_name, SERVER_REQUIREMENTS), "cloudpickle", "numpy"})
"""Packages that say nothing about the library of a model: the server's, and those that all libraries use."""
_ALSO = {"xgboost.sklearn": "sklearn", "lightgbm.sklearn": "sklearn"}
"""Modules that a module needs which does not say so: its package has them as an extra."""
_OF_FRAMEWORK = {"TfKeras": ("keras", "tensorflow")} | {name: each.needs for name, each in FRAMEWORKS.items()}


@dataclass(frozen=True, slots=True)
class ModelNeeds:
    """What loading one model needs, as far as its record and its files say."""

    id: str
    framework: str | None = None
    named: frozenset[str] = frozenset()
    """The modules that its pickles name."""
    unread: tuple[str, ...] = ()
    """Its pickles that cannot be read."""
    own: frozenset[str] = frozenset()
    """Top-level modules among its files."""
    libraries: tuple[str, ...] = ()
    """The pins that were stored with it."""


def needs_of_model(model: Model, store: FileStore) -> ModelNeeds:
    """What loading ``model`` needs; its pickles are read and not loaded."""
    named: set[str] = set()
    unread = []
    heads = {}
    for file in model.files:
        content = store.fetched(file.digest)
        with content.open("rb") as opened:
            heads[file.path] = head = opened.read(HEAD_BYTES)
        if may_be_pickle(file.path, head):
            found = modules_in(content)
            named |= found.names
            if not found.is_complete:
                unread.append(file.path)
    parts = {part.removesuffix(".py") for file in model.files for part in file.path.split("/")}
    framework = model.framework
    if framework in (None, "Custom"):
        by_head = filter(None, map(framework_of_head, heads.values()))
        framework = framework_of_names(heads) or next(by_head, None)
    return ModelNeeds(
        model.id,
        framework,
        frozenset(named | {_ALSO[name] for name in named if name in _ALSO}),
        tuple(unread),
        frozenset(parts),
        tuple(f"{name}=={version}" for name, version in model.details.libraries.items()),
    )


def decided(
    script: Sequence[str],
    modules: Iterable[str],
    models: Sequence[ModelNeeds],
    pins: Pins = pinned_requirements,
) -> tuple[str, ...]:
    """The requirements, sorted by name.

    What script and models import is as it is here, unless the script's own pins, ``script``, or the versions
    that a model was stored with say otherwise.
    """
    imported = {*modules, *(name for model in models for name in (*model.named, *_framework_modules(model)))}
    imported = {name for name in imported if name.partition(".")[0] not in _WITHOUT_PACKAGE}
    lines = [*pins(imported), *script, *(line for model in models for line in model.libraries)]
    found = {package_name(line): line for line in lines}
    return tuple(found[name] for name in sorted(found) if name not in STANDINS)


def requirements_of(inference: InferenceConfig, used: Sequence[Model], store: FileStore) -> tuple[str, ...]:
    """The requirements of a recorded script and its models."""
    models = [needs_of_model(model, store) for model in used]
    return decided(inference.requirements, inference.modules, models)


def completed(
    needs: EnvironmentNeeds,
    inference: InferenceConfig,
    used: Sequence[Model],
    store: FileStore,
    *,
    is_recorded: bool = False,
) -> EnvironmentNeeds:
    """The needs of an environment that names a Python and no packages, with those of script and models.

    Other environments are as they are. ``inference`` is as it is given, unless it ``is_recorded``.
    """
    if needs.python is None or needs.names_packages or needs.needs_image or inference.is_router:
        return needs
    modules = inference.modules if is_recorded else sources.imports_of(inference).modules
    models = [needs_of_model(model, store) for model in used]
    return replace(needs, pip_packages=decided(inference.requirements, modules, models))


def with_compiled(needs: EnvironmentNeeds, compiled: Compiled) -> EnvironmentNeeds:
    """The needs with the package that serves compiled models, where an environment names others."""
    if not has_parts(compiled) or needs.user_managed or not needs.names_packages:
        return needs
    if RUNTIME in map(package_name, needs.conda_packages):
        return needs
    return replace(needs, pip_packages=with_runtime(needs.pip_packages))


def is_installed(module: str) -> bool:
    """Whether the top-level ``module`` is installed here; the user's own files do not count."""
    return module.isidentifier() and not is_local(module) and find_spec(module) is not None


def unknown(
    script: ScriptImports,
    models: Sequence[ModelNeeds],
    lines: Sequence[str],
    is_installed: Callable[[str], bool] = is_installed,
) -> list[str]:
    """What is needed although no version of it is known here, in words; empty if all is known.

    ``lines`` are the requirements that are known. Where none of them can load a model, a pickle that cannot
    be read counts too, and a framework that is not installed.
    """
    can_load = any(package_name(line) not in _LOADS_NOTHING for line in lines)
    own = script.own.union(*(model.own for model in models))

    def lacks(name: str) -> bool:
        has = name in sys.stdlib_module_names or name in _WITHOUT_PACKAGE or name in own
        return not has and not is_installed(name)

    found = [f"the entry script imports {name!r}" for name in sorted(script.required) if lacks(name)]
    for model in models:
        tops = sorted({name.partition(".")[0] for name in model.named})
        found += [f"the pickle of model {model.id} names {name!r}" for name in tops if lacks(name)]
        needed = [name for name in _framework_modules(model) if lacks(name)]
        if needed and not can_load and not found:
            found.append(f"model {model.id} is a {model.framework} model and needs {needed[0]!r}")
    found = [f"{each}, which is not installed here" for each in found]
    if not can_load:
        found += [
            f"the pickle {path!r} of model {model.id} cannot be read"
            for model in models
            for path in model.unread
        ]
    return found


def check_known(
    inference: InferenceConfig,
    used: Sequence[Model],
    store: FileStore,
    script: ScriptImports | None = None,
) -> None:
    """Raises `UsageError` if a package is needed of which no version is known here.

    An environment with packages decides alone. ``script`` is what a script imports that is recorded already;
    None reads it.
    """
    if inference.is_router or needs_of(inference.environment).names_packages:
        return
    script = script or sources.imports_of(inference)
    models = [needs_of_model(model, store) for model in used]
    lacking = unknown(script, models, decided(inference.requirements, script.modules, models))
    if lacking:
        raise UsageError(
            f"the packages that this service needs are not known: {'; '.join(lacking)}",
            hint=Advice(
                "Install it here with pip. Or name an environment that has the packages with {environment}. "
                "If it is a module of your own, put it into the script's folder and give {folder}.",
                environment=advice.argument("environment"),
                folder=advice.argument("source_directory"),
            ),
        )


def _framework_modules(model: ModelNeeds) -> tuple[str, ...]:
    return _OF_FRAMEWORK.get(model.framework or "", ())
