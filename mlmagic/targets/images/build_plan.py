"""What the image of a service is built from, derived from its `ServiceSpec`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlmagic.core.compiled_models import COMPILED_FOLDER, with_runtime
from mlmagic.core.conda_names import pip_requirements
from mlmagic.core.environment import (
    MINIMUM_PYTHON,
    EnvironmentNeeds,
    needs_of,
    python_minor,
)
from mlmagic.core.webservice import ServiceSpec
from mlmagic.errors import InvalidConfig, NotFound
from mlmagic.scoring.environment import COMPILED_MODELS, SOURCE_NAME_FILE
from mlmagic.targets.images.context import Content, Context, below
from mlmagic.targets.images.dockerfile import APP, COMPILED, MODELS, Recipe, Start
from mlmagic.targets.server_files import SERVER_REQUIREMENTS, server_files

BASE_IMAGE, BUILDER_IMAGE = "MLMAGIC_BASE_IMAGE", "MLMAGIC_BUILDER_IMAGE"
"""Variables: the base image, and the image in which packages are installed, such as one with compilers.
``{python}`` in them is replaced by the service's Python, such as 3.11."""
OUR_BASE_IMAGE = "python:{python}-slim"
RESERVED = frozenset(
    {"access", "server", "azureml-app", "azureml-models", COMPILED_FOLDER, "server.txt", "requirements.txt"}
)
_LOCAL_VERSION = re.compile(r"^(torch[a-z]*)==([\w.]+)\+(cpu|cu\d+|rocm[\d.]+)\s*(;.*)?$")
_TORCH_INDEX = "--extra-index-url https://download.pytorch.org/whl/"


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """What an image is built from: a recipe for its Dockerfile, and files in two parts."""

    recipe: Recipe
    needs: EnvironmentNeeds
    foundation: Context
    """All files but the script's; without a Dockerfile, and without access to the package index."""
    app: Context
    """The entry script and its folder, below azureml-app/."""
    entry_script: str
    model_dir: str | None
    """The value of AZUREML_MODEL_DIR in the image."""
    requirements: tuple[str, ...]
    """The requirements as user or capture pinned them; of a pinned plan, all that will be installed."""
    own_requirements: tuple[str, ...] = ()
    """Those of script and models alone, without the server's and without what they need in turn."""
    modules: tuple[str, ...] = ()
    """What the processes of a service import before they are forked."""

    @property
    def python(self) -> str:
        """The minor version of its Python, such as 3.11."""
        return ".".join(str(part) for part in python_minor(self.needs.python or _own_python()))

    def start(
        self,
        arguments: Iterable[str] = (),
        *,
        labels: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Start:
        """How a container starts by default; ``variables`` override those of the environment."""
        variables = {**self.needs.variables, **(variables or {})}
        if self.model_dir:
            variables["AZUREML_MODEL_DIR"] = self.model_dir
        if self.recipe.has_compiled:
            variables[COMPILED_MODELS] = COMPILED
        named = self.app.files.get(f"azureml-app/{SOURCE_NAME_FILE}")
        source_name = named.read_text(encoding="utf-8") if isinstance(named, Path) else ""
        return Start([*self.arguments(), *arguments], variables, labels or {}, source_name)

    def arguments(self) -> list[str]:
        """The server's arguments that say what it serves."""
        arguments = ["--entry-script", self.entry_script, "--source-directory", APP]
        if self.model_dir:
            arguments += ["--model-dir", self.model_dir]
        # Used only by several processes, which a variable such as WORKER_COUNT may ask for.
        return [*arguments, "--preload", ",".join(self.modules)] if self.modules else arguments


def build_plan(spec: ServiceSpec, environment: Mapping[str, str] | None = None) -> BuildPlan:
    """The plan for a staged revision. Raises `UsageError` for an environment that no image can provide."""
    known = os.environ if environment is None else environment
    needs = needs_of(spec.environment)
    requirements = pip_requirements(needs) if needs.names_packages else spec.requirements
    if spec.compiled_dir is not None:
        requirements = with_runtime(requirements)
    recipe = _recipe(needs, spec, known)
    app = Path(spec.app_dir)
    files: dict[str, Content] = {
        "server.txt": _lines(SERVER_REQUIREMENTS),
        **{f"server/{name}": path for name, path in server_files()},
    }
    if not recipe.own_packages:
        files["requirements.txt"] = _lines((*needs.pip_options, *with_indexes(requirements)))
    if spec.model_dir is not None:
        files |= below(_models_folder(spec.model_dir), "azureml-models")
    if spec.compiled_dir is not None:
        files |= below(Path(spec.compiled_dir), COMPILED_FOLDER)
    if needs.build_context is not None:
        files = {**_users_context(Path(needs.build_context[0])), **files}
    script = below(app, "azureml-app", honours_ignore=True)
    script[f"azureml-app/{spec.entry_script}"] = app / spec.entry_script
    return BuildPlan(
        recipe,
        needs,
        Context(files),
        Context(script),
        spec.entry_script,
        _in_image(spec),
        () if recipe.own_packages else tuple(requirements),
        () if recipe.own_packages else tuple(requirements),
        spec.modules,
    )


def _recipe(needs: EnvironmentNeeds, spec: ServiceSpec, known: Mapping[str, str]) -> Recipe:
    if needs.python_is_too_old:
        raise InvalidConfig(
            "python",
            needs.python,
            f"is older than {MINIMUM_PYTHON}, which the scoring server needs",
            hint="Choose a newer Python in the environment.",
        )
    python = ".".join(str(part) for part in python_minor(needs.python or _own_python()))
    base = _full_name(needs) or known.get(BASE_IMAGE) or OUR_BASE_IMAGE
    builder = known.get(BUILDER_IMAGE)
    text = needs.base_dockerfile
    if needs.build_context is not None:
        file = Path(needs.build_context[0]) / needs.build_context[1]
        if not file.is_file():
            raise NotFound("Dockerfile", str(file))
        text = file.read_text(encoding="utf-8")
    is_ours = text is None and needs.base_image is None
    return Recipe(
        base.replace("{python}", python),
        builder.replace("{python}", python) if builder and is_ours else None,
        text,
        needs.user_managed,
        needs.interpreter if needs.interpreter != "python" else None,
        needs.python.rstrip(".*") if needs.python and re.fullmatch(r"[\d.*]+", needs.python) else None,
        needs.extra_steps,
        spec.model_dir is not None,
        spec.compiled_dir is not None,
    )


def _full_name(needs: EnvironmentNeeds) -> str | None:
    """The name of the environment's base image, with its registry."""
    image, registry = needs.base_image, needs.registry.address
    if image is None or not registry:
        return image
    host = registry.partition("://")[2] or registry
    return image if image.startswith(f"{host.rstrip('/')}/") else f"{host.rstrip('/')}/{image}"


def with_indexes(requirements: Iterable[str]) -> list[str]:
    """The requirements, after the index of PyTorch if one is a build from there, such as ``2.5.1+cpu``."""
    lines = list(requirements)
    kinds = {found[3] for line in lines if (found := _LOCAL_VERSION.match(line))}
    return [*(f"{_TORCH_INDEX}{kind}" for kind in sorted(kinds)), *lines]


def _own_python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _users_context(folder: Path) -> dict[str, Content]:
    if not folder.is_dir():
        raise NotFound("build context", str(folder))
    files = below(folder, "", honours_ignore=True)
    taken = {name.split("/")[0] for name in files} & RESERVED
    if taken:
        raise InvalidConfig(
            "build context",
            str(folder),
            f"contains {', '.join(sorted(taken))}, which the build adds itself",
            hint="Rename it in the build context.",
        )
    return files


def _in_image(spec: ServiceSpec) -> str | None:
    if spec.model_dir is None:
        return None
    below_models = Path(spec.model_dir).relative_to(_models_folder(spec.model_dir))
    return str(PurePosixPath(MODELS, below_models.as_posix()))


def _models_folder(model_dir: str) -> Path:
    """The folder of all models, which is or contains ``model_dir``."""
    path = Path(model_dir)
    return next(each for each in (path, *path.parents) if each.name == "azureml-models")


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
