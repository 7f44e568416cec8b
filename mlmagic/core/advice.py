"""Things to do that an `mlmagic.errors.Advice` names, each as a magic, a command and the SDK write it.

The engine reports an error before anyone knows where it is read. So its hints never write an option or a
magic themselves: they take one from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlmagic.core.arguments import ARGUMENTS
from mlmagic.core.compute_mapping import TRAIT, VARIABLE
from mlmagic.errors import Advice, Way

OTHER_ARGUMENTS: Mapping[str, Way] = {
    "overwrite": Way("--overwrite", "--overwrite", "overwrite=True"),
    "models": Way("-m NAME", "-m NAME", "models=[...]"),
    "entry_script": Way(
        "--entry-script FILE", "--entry-script FILE", "inference_config=InferenceConfig(entry_script=...)"
    ),
    "source_directory": Way(
        "--source-directory DIR", "--source-directory DIR", "InferenceConfig(source_directory=...)"
    ),
    "package_kind": Way("--kind", "--kind", "kind="),
    "save": Way("--save", "--save", "ModelPackage.save"),
    "environment": Way("-e NAME", "-e NAME", "InferenceConfig(environment=...)"),
    "model_framework": Way("--framework NAME", "--model-framework NAME", "model_framework=..."),
    "keep_base_image": Way(
        "--keep-base-image", "--keep-base-image", "environment.docker.keep_base_image = True"
    ),
    "handshake": Way("--no-handshake", "--no-handshake", "handshake=False"),
    "resume": Way("--resume", "--resume", "resume=True"),
    "files": Way("--files", "--files", "files=True"),
}
"""The arguments that are not deployment arguments, and so not in `mlmagic.core.arguments`."""
_TARGET_CONFIGURATIONS = {
    "local": "LocalWebservice.deploy_configuration()",
    "docker": "AciWebservice.deploy_configuration()",
}


def argument(name: str, value: Any = True) -> Way:
    """An argument with a value: ``--auth`` and ``auth_enabled=True``."""
    if name in OTHER_ARGUMENTS:
        return OTHER_ARGUMENTS[name]
    row = ARGUMENTS[name]
    flag = row.option if value else row.opposite
    option = flag if row.kind is bool else f"{row.option} {value}"
    return Way(option, option, f"{name}={value!r}")


def drift_option(name: str, value: Any) -> Way:
    """An option of a drift check with a value: ``--since 24h`` and ``since='24h'``."""
    option = f"--{name.replace('_', '-')} {value}"
    return Way(option, option, f"{name}={value!r}")


def update(service: str, **arguments: Any) -> Way:
    """Update a service with these arguments."""
    given = [argument(name, value) for name, value in arguments.items()]
    return Way(
        " ".join(["%update", service, *(each.magic for each in given)]),
        " ".join(["mlmagic service update -n", service, *(each.command for each in given)]),
        f"service.update({', '.join(each.sdk for each in given)})",
    )


def delete(service: str) -> Way:
    """Delete a service."""
    return Way(f"%delete {service}", f"mlmagic service delete -n {service}", "service.delete()")


def create_endpoint(service: str) -> Way:
    """Create an endpoint with a service as its first version."""
    return Way(
        f"%endpoint create NAME --service VERSION={service}",
        f"mlmagic endpoint realtime create -n NAME --service VERSION={service}",
        "AksEndpoint.deploy_configuration()",
    )


def delete_version(endpoint: str, version: str) -> Way:
    """Delete a version of an endpoint."""
    return Way(
        f"%endpoint delete-version {endpoint} {version}",
        f"mlmagic endpoint realtime delete-version -n {endpoint} --vn {version}",
        f"endpoint.delete_version({version!r})",
    )


def start(service: str) -> Way:
    """Start a service that is stopped or has failed."""
    return Way("service.start()", f"mlmagic service start -n {service}", "service.start()")


def revisions(service: str) -> Way:
    """List the revisions of a service."""
    return Way(f"%revisions {service}", f"mlmagic service revisions -n {service}", "service.revisions()")


def logs(service: str) -> Way:
    """Read the log of a service."""
    return Way(f"%logs {service}", f"mlmagic service logs -n {service}", "service.get_logs()")


def state(service: str) -> Way:
    """Look at the state of a service."""
    return Way("%services", f"mlmagic service show -n {service}", "service.state")


def target(name: str) -> Way:
    """Deploy to another compute target."""
    configuration = _TARGET_CONFIGURATIONS.get(name, f"DeploymentConfig({name!r})")
    return Way(f"--target {name}", f"--ct {name}", configuration)


def package_for_knative(idle_timeout_seconds: int | None) -> Way:
    """Write a package that Knative runs, with an idle timeout."""
    idle = argument("idle_timeout_seconds", idle_timeout_seconds).command
    shell = f"mlmagic model package -m MODEL --kind knative {idle} -o DIR"
    return Way(f"%package MODEL --kind knative {idle} --save DIR", shell, f"in a shell: {shell}")


def compute(kind: str, name: str) -> Way:
    """Run a compute type of Azure ML v1 on another compute target."""
    variable = f"{VARIABLE}={kind}={name}"
    config = f'%config {TRAIT} = {{"{kind}": "{name}"}}'
    return Way(config, variable, f"{config} (outside of a notebook: {variable})")


def script() -> Way:
    """Give an entry script."""
    return Way(
        "a script captured with %%score_script NAME, or --entry-script FILE",
        OTHER_ARGUMENTS["entry_script"].command,
        OTHER_ARGUMENTS["entry_script"].sdk,
    )


def unsubscribe(subscription: str) -> Way:
    """Remove a webhook subscription."""
    return Way(
        f"%unsubscribe {subscription}",
        f"mlmagic events unsubscribe -n {subscription}",
        f"workspace.engine.events.unsubscribe({subscription!r})",
    )


FIRST = {
    "model": Way(
        "%register OBJECT_OR_PATH --name NAME",
        "mlmagic model register -n NAME -p PATH",
        "Model.register(workspace, path, name)",
    ),
    "service": Way(
        "%deploy NAME -m MODEL",
        "mlmagic model deploy -n NAME -m MODEL",
        "Model.deploy(workspace, name, models)",
    ),
    "endpoint": Way(
        "%endpoint create NAME VERSION -m MODEL",
        "mlmagic endpoint realtime create -n NAME --vn VERSION -m MODEL",
        "AksEndpoint.deploy_configuration()",
    ),
    "batch": Way(
        "%batch MODEL --input DATA --output PATH",
        "mlmagic batch run -m MODEL --input DATA --output-path PATH",
        "BatchJob.run(workspace, name, scored, data, output)",
    ),
    "profile": Way(
        "%profile MODEL -d DATASET",
        "mlmagic model profile -n NAME -m MODEL -d FILE",
        "Model.profile(workspace, name, models, inference_config, dataset)",
    ),
    "package": Way(
        "%package NAME -m MODEL",
        "mlmagic model package -n NAME -m MODEL",
        "Model.package(workspace, models, inference_config)",
    ),
    "drift check": Way(
        "%drift SERVICE --baseline DATA",
        "mlmagic drift run -n SERVICE --baseline DATA",
        "DriftCheck.run(workspace, service, baseline)",
    ),
    "alert rule": Way(
        "%alert create NAME --condition CONDITION",
        "mlmagic alert create -n NAME --condition CONDITION",
        "workspace.engine.alerts.create(rule)",
    ),
    "subscription": Way(
        "%subscribe NAME --endpoint URL",
        "mlmagic events subscribe -n NAME --endpoint URL",
        "workspace.engine.events.subscribe(name, url)",
    ),
    "follow": Way(
        "%follow SERVICE --model NAME",
        "mlmagic service follow -n SERVICE -m NAME",
        "workspace.engine.follows.add(service, model)",
    ),
}
"""How to make the first thing of a kind."""


def rollback(service: str) -> Way:
    """Go back to an earlier revision."""
    return Way(
        f"%rollback {service} REVISION",
        f"mlmagic service rollback -n {service} -r REVISION",
        "service.rollback(revision)",
    )


ACCEPT_NEAREST = Advice("Or accept the nearest versions with {nearest}.", nearest=argument("nearest"))
"""For an environment with pins that cannot be installed."""
