"""The recipe of a service's image, as text: from what seldom changes to what often does.

Two stages. The first has the installer and whatever it needs; the second the interpreter, the packages, the
server, the models, and last the script, so that a changed script is one small layer.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mlmagic.core.environment import EnvironmentNeeds

PORT = 5001
APP_ROOT = "/var/azureml-app"
"""Where the documents' images have it."""
USER = 10001
"""A number that no base image gives a name to; it owns nothing."""
FOLDER = "azureml-app"
"""Of the build context: ours are all below it, as in the documents' packages."""
CERTIFICATES = f"{FOLDER}/certificates.pem"
PIP_SETTINGS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT")
"""What a build may be told of the package index; it stays out of the image."""
_BASE = "mlmagic-base"
_FROM = re.compile(
    r"^\s*FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<alias>\S+))?[ \t]*$", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an image is made of, besides its files."""

    base_image: str
    entry_script: str
    model_dir: str | None = None
    """Below ``azureml-models``; ``""`` for several models, None for none."""
    needs: EnvironmentNeeds = field(default_factory=EnvironmentNeeds)
    options: Sequence[str] = ()
    """pip's own, such as ``--extra-index-url ...``."""
    labels: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    certificates: bool = False
    """Whether the context brings those by which the package index is trusted."""


def dockerfile(recipe: Recipe) -> str:
    """The text; to be built where the folder ``azureml-app`` is, and the user's own files, if any."""
    return "".join(f"{line}\n" for line in _lines(recipe))


def _lines(recipe: Recipe) -> Iterator[str]:
    needs = recipe.needs
    base = recipe.base_image
    if needs.base_dockerfile:
        text, base = with_alias(needs.base_dockerfile)
        yield text.rstrip()
        yield ""
    yield from _packages(recipe, base)
    yield ""
    yield f"FROM {base}"
    yield "USER root"
    if needs.extra_steps:
        yield needs.extra_steps.rstrip()
    for name, value in recipe.labels.items():
        yield f"LABEL {name}={json.dumps(value)}"
    fixed = {"PYTHONPATH": "/opt/mlmagic/server", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    for name, value in {**fixed, "AML_APP_ROOT": APP_ROOT, **recipe.variables}.items():
        yield f"ENV {name}={json.dumps(value)}"
    yield f"WORKDIR {APP_ROOT}/app"
    yield f"USER {USER}"
    yield f"EXPOSE {PORT}"
    yield (
        "HEALTHCHECK --interval=10s --timeout=5s --start-period=300s CMD "
        + json.dumps(["/opt/mlmagic/venv/bin/python", "-m", "mlmagic.scoring.healthcheck", str(PORT)])
    )
    yield f"ENTRYPOINT {json.dumps(command(recipe))}"
    yield "CMD []"
    yield "COPY --from=packages /opt/mlmagic /opt/mlmagic"
    yield f"COPY {FOLDER}/azureml-models {APP_ROOT}/azureml-models"
    yield f"COPY {FOLDER}/app {APP_ROOT}/app"


def _packages(recipe: Recipe, base: str) -> Iterator[str]:
    needs = recipe.needs
    python = needs.interpreter if needs.user_managed else "python3"
    venv = "--system-site-packages " if needs.user_managed else ""
    yield f"FROM {base} AS packages"
    yield "USER root"
    for name in PIP_SETTINGS:
        yield f"ARG {name}"
    if recipe.certificates:
        yield f"COPY {CERTIFICATES} /tmp/certificates.pem"
        yield "ENV PIP_CERT=/tmp/certificates.pem SSL_CERT_FILE=/tmp/certificates.pem"
    yield f"COPY {FOLDER}/requirements.txt /tmp/requirements.txt"
    pip = "/opt/mlmagic/venv/bin/python -m pip"
    options = "".join(f" {line}" for line in recipe.options)
    yield (
        f"RUN {shlex.quote(python)} -m venv {venv}/opt/mlmagic/venv \\\n"
        f"  && {pip} install --no-cache-dir --disable-pip-version-check{options} "
        "-r /tmp/requirements.txt \\\n"
        f"  && {pip} uninstall --yes --quiet pip setuptools"
    )
    yield f"COPY {FOLDER}/server /opt/mlmagic/server"
    yield "RUN /opt/mlmagic/venv/bin/python -m compileall -q /opt/mlmagic/server"


def command(recipe: Recipe) -> list[str]:
    """What the image runs; a container may add to it."""
    words = ["/opt/mlmagic/venv/bin/python", "-m", "mlmagic.scoring", "--entry-script", recipe.entry_script]
    words += ["--source-directory", f"{APP_ROOT}/app", "--host", "0.0.0.0", "--port", str(PORT)]
    if recipe.model_dir is not None:
        words += ["--model-dir", f"{APP_ROOT}/azureml-models/{recipe.model_dir}".rstrip("/")]
    return words


def with_alias(text: str) -> tuple[str, str]:
    """A Dockerfile whose last stage has a name, and that name."""
    found = list(_FROM.finditer(text))
    if not found:
        return text, _BASE
    last = found[-1]
    if last["alias"]:
        return text, last["alias"]
    return f"{text[: last.end()].rstrip()} AS {_BASE}{text[last.end() :]}", _BASE
