"""From the `ServiceSpec` of a revision to its `Workload`: names, labels, arguments, variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import mlmagic.scoring.http.path_prefix as path_prefix
from mlmagic.core.webservice import ServiceSpec
from mlmagic.targets.images.build_plan import BuildPlan
from mlmagic.targets.images.dockerfile import PORT
from mlmagic.targets.kubernetes.carried_files import carried, image_of
from mlmagic.targets.kubernetes.delivery import Delivery
from mlmagic.targets.kubernetes.idle_scaling import AddOn, path_of
from mlmagic.targets.kubernetes.objects import (
    CERT_FILE,
    CERT_KEY_FILE,
    KEY,
    KEYS_FILE,
    REVISION,
    ROUTES_FILE,
    RUNS,
    SECRETS,
    Workload,
)
from mlmagic.targets.revision_labels import key_of, labels_of
from mlmagic.targets.server_variables import server_variables

_SERVICE, WORKSPACE = "mlmagic.service", "mlmagic.workspace"
_SERVICES_FOLDER = "services"
RUN = f"{RUNS}/run"
"""The run folder in the container."""


def object_name(spec: ServiceSpec) -> str:
    """The name of the service's Deployment and Service. Temporary services, as for trials, have their own."""
    folders = Path(spec.run_dir).parents
    is_lasting = len(folders) > 1 and folders[1].name == _SERVICES_FOLDER
    return spec.name if is_lasting else f"{spec.name[:48]}-{key_of(spec.run_dir)}"


def secret_name(name: str, key: str) -> str:
    """The name of the Secret of a revision."""
    return f"{name}-{key}"


def owner_labels(spec: ServiceSpec) -> dict[str, str]:
    """The labels that say whose an object is: of which workspace and service."""
    known = labels_of(spec)
    return {name: known[name] for name in (_SERVICE, WORKSPACE)}


def revision_labels(spec: ServiceSpec) -> dict[str, str]:
    """The labels of what belongs to one revision."""
    return {KEY: key_of(spec.run_dir), REVISION: str(spec.revision)}


def secret_files(spec: ServiceSpec) -> dict[str, bytes]:
    """The files that the server reads from the Secret of the revision. Raises OSError."""
    files: dict[str, bytes] = {}
    if spec.keys_file is not None:
        files[KEYS_FILE] = Path(spec.keys_file).read_bytes()
    if spec.routes_file is not None:
        files[ROUTES_FILE] = Path(spec.routes_file).read_bytes()
    config = spec.config
    if config.ssl_cert_pem_file and config.ssl_key_pem_file:
        files[CERT_FILE] = Path(config.ssl_cert_pem_file).read_bytes()
        files[CERT_KEY_FILE] = Path(config.ssl_key_pem_file).read_bytes()
    return files


def workload_of(
    spec: ServiceSpec,
    plan: BuildPlan,
    image: str,
    delivery: Delivery,
    *,
    service_type: str,
    namespace: str = "",
    add_on: AddOn | None = None,
) -> Workload:
    """The workload of a revision; ``image`` is its name in the Docker engine.

    With an idle timeout ``add_on`` is what carries it out, in ``namespace``. Raises `UsageError` where files
    travel without an image, and cannot.
    """
    name = object_name(spec)
    own = secret_name(name, key_of(spec.run_dir))
    travels = bool(delivery.serving_image)
    path = path_of(namespace, name) if add_on is not None else ""
    below = {path_prefix.VARIABLE: path} if path else {}  # whatever the user gives: it is the address
    workload = Workload(
        name=name,
        image=image_of(plan, delivery.serving_image) if travels else delivery.name_of(image),
        config=spec.config,
        variables={**variables_of(spec, plan), **below},
        labels=owner_labels(spec),
        revision=revision_labels(spec),
        secret=own,
        secret_files=tuple(secret_files(spec)),
        service_type=service_type,
        pull_policy=delivery.pull_policy,
        pull_secret=delivery.pull_secret,
        files=carried(plan, own) if travels else None,
        add_on=add_on,
        path=path,
    )
    return replace(workload, arguments=_arguments(workload, spec, plan))


def variables_of(spec: ServiceSpec, plan: BuildPlan) -> Mapping[str, str]:
    """The variables of the server's container."""
    return {**plan.needs.variables, **server_variables(spec)}


def _arguments(workload: Workload, spec: ServiceSpec, plan: BuildPlan) -> list[str]:
    """The server's arguments."""
    serves = ["--routes", f"{SECRETS}/{ROUTES_FILE}"] if spec.routes_file else plan.arguments()
    arguments = [*serves, "--host", "0.0.0.0", "--port", str(PORT)]
    arguments += ["--run-dir", RUN, "--create-run-dir", "--grace", str(workload.grace)]
    if spec.config.batch:
        arguments += ["--batch"]
    if KEYS_FILE in workload.secret_files:
        arguments += ["--keys-file", f"{SECRETS}/{KEYS_FILE}"]
    else:
        arguments += ["--no-auth"]  # `validate` has checked that everyone may call it
    if workload.uses_tls:
        arguments += ["--ssl-cert", f"{SECRETS}/{CERT_FILE}", "--ssl-key", f"{SECRETS}/{CERT_KEY_FILE}"]
    return arguments
