"""The Dockerfile of a service, as text. Its layers are in the order in which things change.

builder      a virtual environment in /opt/venv with the packages of server and user, and the server's files.
             What only the build needs (uv, access to the package index, compilers) stays in this stage.
foundation   the base image and /opt/venv: shared by all services with the same packages
models       the foundation and the models: shared by all versions of a script
service      the script and its folder, and how to start it: all that a new script changes
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlmagic.core.compiled_models import COMPILED_FOLDER
from mlmagic.core.environment import MINIMUM_MINOR, MINIMUM_PYTHON
from mlmagic.targets.images.package_index import FOLDER, VARIABLES

APP = "/var/azureml-app"
MODELS = "/var/azureml-models"
COMPILED = f"/var/{COMPILED_FOLDER}"
SERVER = "/opt/mlmagic"
PYTHON = "/opt/venv/bin/python"
PORT = 5001
USER = 10001
"""A user id without rights: it owns nothing in the image."""
_MARK, _NO_MARK = "LABEL mlmagic.foundation=1", "LABEL mlmagic.foundation=0"
"""A label for those who remove foundations. An image on top of one would inherit it."""
_ACCESS = f"set -a && . /{FOLDER}/{VARIABLES}"
"""Sets how the package index is reached, for one step of the build."""
_PACKAGES_FOLDER = "'import sysconfig; print(sysconfig.get_path(\"purelib\"))'"
_COMPILE_STANDARD_LIBRARY = (
    "import compileall, re, sysconfig; compileall.compile_dir(sysconfig.get_path('stdlib'), quiet=1, "
    "rx=re.compile('/(tests?|site-packages|dist-packages)/'))"
)
"""Writes the bytecode that is missing. Official images of Python have none, and containers cannot write it:
each start would compile anew. What cannot be compiled merely starts later."""
_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a Dockerfile is written from."""

    base_image: str
    builder_image: str | None = None
    """The image in which packages are installed, such as one with compilers; None is the base image."""
    base_dockerfile: str | None = None
    """The text of a Dockerfile whose last stage is the base, in place of a base image."""
    own_packages: bool = False
    """Whether the base has the user's packages already, so that only the server's are added."""
    interpreter: str | None = None
    """The interpreter of the base; None is ``python3``."""
    python: str | None = None
    """The Python version that the base must have, such as 3.11."""
    extra_steps: str | None = None
    has_models: bool = False
    has_compiled: bool = False
    """Whether models are served as compiled to ONNX."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a container starts by default, and its labels."""

    arguments: Sequence[str]
    """The arguments of ``python -m mlmagic.scoring``."""
    variables: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    source_name: str = ""
    """The name of the source directory, by which scripts may open its files; empty for a script alone."""


def foundation(recipe: Recipe) -> str:
    """The Dockerfile of the foundation.

    Its context has access/, requirements.txt, server.txt and server/.
    """
    base, steps = _base(recipe)
    python = recipe.interpreter or '"$(command -v python3 || command -v python)"'
    beside = " --system-site-packages" if recipe.own_packages else ""
    needed = ["server.txt"] if recipe.own_packages else ["requirements.txt", "server.txt"]
    named = " ".join(f"-r /requirements/{file}" for file in needed)
    lines = [
        *steps,
        f"FROM {recipe.builder_image or base} AS mlmagic-builder",
        _MARK,
        "USER root",
        "COPY access/ /access/",
        "ENV PIP_CONFIG_FILE=/dev/null PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 UV_NO_CACHE=1 "
        "UV_NO_PROGRESS=1 NO_COLOR=1 UV_COMPILE_BYTECODE=1 UV_NO_CONFIG=1 UV_PYTHON_DOWNLOADS=never",
        f"RUN {python} -c {_quoted(_version_check(recipe.python))} \\",
        f" && {python} -m venv --without-pip{beside} /opt/venv \\",
        f" && pip={python} \\",
        ' && if ! "$pip" -m pip --version > /dev/null 2>&1; then \\',
        '      "$pip" -m venv /opt/pip && pip=/opt/pip/bin/python; fi \\',
        f' && {_ACCESS} && "$pip" -m pip install --target /opt/uv uv',
        f"COPY {' '.join(needed)} /requirements/",
        f"COPY server/ {SERVER}/",
        f"RUN {_ACCESS} && /opt/uv/bin/uv pip install --python {PYTHON} {named} \\",
        f" && {PYTHON} -m compileall -q --invalidation-mode unchecked-hash {SERVER} \\",
        f' && echo {SERVER} > "$({PYTHON} -c {_PACKAGES_FOLDER})/mlmagic.pth"',
        "",
        f"FROM {base} AS mlmagic-foundation",
        _MARK,
        "USER root",
        f"RUN {python} -c {_quoted(_COMPILE_STANDARD_LIBRARY)} || true",
        "COPY --from=mlmagic-builder /opt/venv /opt/venv",
    ]
    if recipe.extra_steps:
        lines += recipe.extra_steps.strip().splitlines()
    lines += [f"COPY --from=mlmagic-builder {SERVER} {SERVER}"]
    return "\n".join([*lines, *_runtime()]) + "\n"


def models(recipe: Recipe, *, upon: str, labels: Mapping[str, str] | None = None) -> str:
    """The Dockerfile of the models on top of a foundation.

    Its context has azureml-models/, and azureml-compiled/ if there are compiled models.
    """
    lines = [
        f"FROM {upon}",
        _NO_MARK,
        f"COPY azureml-models/ {MODELS}/",
        *([f"COPY {COMPILED_FOLDER}/ {COMPILED}/"] if recipe.has_compiled else []),
        *_instruction("LABEL", labels or {}),
    ]
    return "\n".join(lines) + "\n"


def service(start: Start, *, upon: str) -> str:
    """The Dockerfile of the script on top of a foundation or of its models: an image, or a stage."""
    lines = [f"FROM {upon}", _NO_MARK, f"COPY azureml-app/ {APP}/"]
    if start.source_name:
        link = shlex.quote(f"{APP}/{start.source_name}")
        lines += ["USER root", f"RUN ln -s . {link}", f"USER {USER}:{USER}"]
    lines += [*_instruction("ENV", start.variables), *_instruction("LABEL", start.labels)]
    # Whoever runs the image decides which port is published, and gives keys in variables.
    listen = ["--host", "0.0.0.0", "--no-auth", "--port", str(PORT)]
    lines += [f"CMD {json.dumps([*start.arguments, *listen])}"]
    return "\n".join(lines) + "\n"


def _runtime() -> list[str]:
    """The instructions that are the same for all services."""
    variables = {
        "PATH": "/opt/venv/bin:$PATH",
        "HOME": "/tmp",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        "AML_APP_ROOT": APP,
    }
    check = [PYTHON, "-m", "mlmagic.scoring.healthcheck", str(PORT)]
    return [
        "ENV " + " ".join(f"{name}={value}" for name, value in variables.items()),
        f"WORKDIR {APP}",
        f"EXPOSE {PORT}",
        f"HEALTHCHECK --interval=30s --timeout=10s --start-period=300s CMD {json.dumps(check)}",
        f"ENTRYPOINT {json.dumps([PYTHON, '-m', 'mlmagic.scoring'])}",
        f"USER {USER}:{USER}",
    ]


def whole(recipe: Recipe, start: Start) -> str:
    """One Dockerfile for foundation, models and script."""
    if not recipe.has_models:
        return f"{foundation(recipe)}\n{service(start, upon='mlmagic-foundation')}"
    between = models(recipe, upon="mlmagic-foundation AS mlmagic-models")
    return f"{foundation(recipe)}\n{between}\n{service(start, upon='mlmagic-models')}"


def _instruction(name: str, values: Mapping[str, str]) -> list[str]:
    """``ENV`` or ``LABEL`` with these values; no line without any."""
    words = " ".join(f"{_name(key)}={_literal(value)}" for key, value in sorted(values.items()))
    return [f"{name} {words}"] if values else []


def _base(recipe: Recipe) -> tuple[str, list[str]]:
    """The base of the stages, and the lines before them: the user's Dockerfile with its last stage named."""
    if recipe.base_dockerfile is None:
        return recipe.base_image, []
    lines = recipe.base_dockerfile.rstrip().splitlines()
    last = max((at for at, line in enumerate(lines) if _FROM.match(line)), default=None)
    if last is None:
        return "mlmagic-base", [f"FROM {recipe.base_image} AS mlmagic-base", *lines, ""]
    found = _FROM.match(lines[last])
    assert found is not None
    if found[2]:
        return found[2], [*lines, ""]
    lines[last] = f"{lines[last].rstrip()} AS mlmagic-base"
    return "mlmagic-base", [*lines, ""]


def _version_check(wanted: str | None) -> str:
    check = (
        f"import sys; v = sys.version.split()[0]; sys.version_info >= {MINIMUM_MINOR} or "
        f"sys.exit('the base image has Python ' + v + ', but the scoring server needs {MINIMUM_PYTHON}')"
    )
    if wanted:
        check += (
            f"; (v + '.').startswith('{wanted}.') or "
            f"sys.exit('the base image has Python ' + v + ', but the environment needs {wanted}')"
        )
    return check


def _quoted(code: str) -> str:
    assert '"' not in code
    return f'"{code}"'


def _name(name: str) -> str:
    return name if re.fullmatch(r"[\w.-]+", name) else _literal(name)


def _literal(value: str) -> str:
    """A quoted word, in which a Dockerfile replaces nothing."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\n", "\\n")
    return f'"{escaped}"'
