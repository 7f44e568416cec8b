"""The first start of a package: once, in a clean environment, before the package counts as done."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from mlmagic.core.compiled_models import COMPILED_FOLDER
from mlmagic.core.environment import EnvironmentNeeds
from mlmagic.core.notify import Notify
from mlmagic.core.webservice import ServiceSpec
from mlmagic.engine.environments.build import build
from mlmagic.engine.environments.runtime import choose
from mlmagic.engine.environments.store import Store
from mlmagic.engine.profiles.trial import START_SECONDS, wait_until_up
from mlmagic.engine.services.temporary_work import WorkItem
from mlmagic.engine.targets import Targets
from mlmagic.errors import BuildFailed, UsageError
from mlmagic.targets.docker.engine import Engine as DockerEngine
from mlmagic.targets.docker.engine import engine_errors
from mlmagic.targets.images.build_plan import BuildPlan
from mlmagic.targets.images.context import Context
from mlmagic.targets.images.dockerfile import MODELS, PORT, PYTHON
from mlmagic.targets.images.pinning import REQUIREMENTS

LOCAL = "local"
_LOOK_SECONDS = 0.2
_LOG_LINES = 20
_ERROR = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt)\b")


def check_testable(plan: BuildPlan) -> None:
    """Raises `UsageError` for a package whose files can only be started in an image."""
    if plan.recipe.own_packages or plan.needs.needs_image:
        raise UsageError(
            "the packages of this environment are in an image, and files alone cannot be tested without it",
            hint="Test a package that is an image.",
        )


def start_files(
    targets: Targets, work: WorkItem, spec: ServiceSpec, plan: BuildPlan, context: Context, report: Notify
) -> None:
    """Start the files of a package as a process, in an environment with its packages and no others.

    Raises `BuildFailed` if its packages cannot be installed, `ScriptError` with the script's own traceback,
    and `LaunchFailed`.
    """
    needs = EnvironmentNeeds(
        name=f"package-{spec.name}",
        python=plan.needs.python,
        pip_packages=plan.requirements,
        pip_options=_options(context),
    )
    report("testing the package: building its environment")
    store = Store()
    runtime = choose(needs, store, nearest=False, notify=report, strictly=True)
    assert runtime.specification is not None
    python = build(runtime.specification, store, report)
    folder = work.folder / "test"
    context.write(folder)
    models = None
    if plan.model_dir is not None:
        models = str(folder / "azureml-models" / PurePosixPath(plan.model_dir).relative_to(MODELS))
    started = replace(
        spec,
        run_dir=str(folder),
        app_dir=str(folder / "azureml-app"),
        model_dir=models,
        compiled_dir=str(folder / COMPILED_FOLDER) if plan.recipe.has_compiled else None,
        python=str(python),
        server_path=str(folder / "server"),
        config=spec.config.for_trial(LOCAL),
        environment=None,
        requirements=(),
        trial=True,
    )
    target = targets.usable(LOCAL)
    report("testing the package: starting it")
    with work.running(target, started, report) as handle:
        wait_until_up(target, handle)
    report("the package starts")


def _options(context: Context) -> tuple[str, ...]:
    """The options of pip in the package's requirements, such as another index."""
    content = context.files.get(REQUIREMENTS, b"")
    lines = content.decode().splitlines() if isinstance(content, bytes) else []
    return tuple(line for line in lines if line.startswith("-"))


def start_image(engine: DockerEngine, image: str, report: Notify) -> None:
    """Start an image once, as its README says. Raises `BuildFailed` with its log if it does not come up."""
    report(f"testing the package: starting {image}")
    with engine_errors():
        limits = engine.api.create_host_config(read_only=True, tmpfs={"/tmp": ""})
        container = engine.api.create_container(
            image, host_config=limits, labels={"mlmagic.package-test": image}
        )["Id"]
        try:
            engine.api.start(container)
            _wait_until_healthy(engine, container, image)
        finally:
            engine.containers.remove(container)
    report("the package starts")


def _wait_until_healthy(engine: DockerEngine, container: str, image: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    check = [PYTHON, "-m", "mlmagic.scoring.healthcheck", str(PORT)]
    while True:
        found = engine.containers.inspect(container)
        if found is None or not found["State"]["Running"]:
            reason = "it ended"
            break
        if engine.containers.run(container, check)[0] == 0:
            return
        if time.monotonic() > deadline:
            reason = f"it did not answer within {START_SECONDS:g} s"
            break
        time.sleep(_LOOK_SECONDS)
    lines = [line.text for line in engine.containers.lines(container, tail=_LOG_LINES, follow=False)]
    raise BuildFailed(f"image {image!r} does not start: {cause(lines) or reason}", log="\n".join(lines))


def cause(lines: Sequence[str]) -> str:
    """The line of a server's log that says why it ended: the last error, else the last line."""
    errors = [line for line in lines if _ERROR.match(line)]
    others = [line for line in lines if line.strip()]
    return (errors or others or [""])[-1]
