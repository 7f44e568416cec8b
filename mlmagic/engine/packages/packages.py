"""Packages: build them, find them, save their files, push their images."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mlmagic.core import advice
from mlmagic.core.compiled_models import chosen
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.environment import Registry
from mlmagic.core.model import Model
from mlmagic.core.names import ModelReference
from mlmagic.core.notify import Notify, silent
from mlmagic.core.package import (
    DEFAULT_NAME,
    Package,
    PackageKind,
    PackageState,
    check_image_label,
    check_image_name,
)
from mlmagic.engine import staging
from mlmagic.engine.environments.image_pins import with_available_versions
from mlmagic.engine.models.models import Models
from mlmagic.engine.packages import azureml_v2, first_start, knative, manifests, readme, sbom
from mlmagic.engine.packages.package_files import KIND, PackageFiles
from mlmagic.engine.packages.zip import write_zip
from mlmagic.engine.requirements import check_known
from mlmagic.engine.scripts import sources
from mlmagic.engine.scripts.scripts import Scripts
from mlmagic.engine.services.temporary_work import TemporaryWork, WorkItem
from mlmagic.engine.targets import Targets
from mlmagic.errors import Advice, AlreadyExists, BuildFailed, InvalidConfig, UsageError
from mlmagic.scoring import limits
from mlmagic.targets.docker.engine import Engine as DockerEngine
from mlmagic.targets.images import dockerfile
from mlmagic.targets.images.build_plan import BuildPlan, build_plan
from mlmagic.targets.images.context import Context
from mlmagic.targets.images.package_index import no_access
from mlmagic.targets.images.pinning import pinned
from mlmagic.workspace import assets
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.unfinished_records import as_they_are, remove

LABEL_DIGITS = 12


class Packages:
    """The packages of one workspace."""

    def __init__(
        self,
        memory: Memory,
        targets: Targets,
        models: Models,
        scripts: Scripts,
        temporary_work: TemporaryWork,
    ) -> None:
        self._memory, self._targets, self._models, self._scripts = memory, targets, models, scripts
        self._temporary_work = temporary_work
        self._files = PackageFiles(memory)

    def create(
        self,
        model_names: Sequence[str | ModelReference],
        inference: InferenceConfig | None = None,
        *,
        kind: PackageKind = PackageKind.IMAGE,
        image_name: str | None = None,
        image_label: str | None = None,
        config: DeploymentConfig | None = None,
        nearest: bool = False,
        test: bool = False,
        report: Notify = silent,
        notify: Notify = silent,
    ) -> Package:
        """Build a package of a script and its models, or of models without a script.

        An image is named ``image_name:image_label``, by default ``package`` and the beginning of the
        content's digest; the other kinds name the image that will be built from them so. ``nearest`` accepts
        the nearest versions where the environment's Python or its pins cannot be installed, unless ``config``
        says. ``test`` starts it once, in a clean environment, before it is written. Raises for errors known
        before the build, and `BuildFailed`; a failed package is recorded with its log.
        """
        config = config or DeploymentConfig()
        log: list[str] = []

        def note(line: str) -> None:
            log.append(line)
            notify(line)

        _check_kind(kind, config)
        config = _with_limit(config)
        if kind is PackageKind.AZUREML_V2:
            config = replace(config, compile=False)
        name = check_image_name(image_name or DEFAULT_NAME)
        if image_label is not None:
            check_image_label(image_label)
        used = self._models.compiled(self._models.find_all(model_names), config.compile, notify=note)
        inference = inference or self._scripts.no_code(model_names)
        check_known(inference, used, self._memory.files)
        accepted = nearest if config.nearest is None else config.nearest
        try:
            available = with_available_versions(inference.environment, accepted=accepted, notify=note)
        except BuildFailed as error:
            ids = tuple(model.id for model in used)
            refused = Package(name, kind, ids, time.time(), image_label or "", PackageState.FAILED)
            lines = (*log, *(error.log or error.message).splitlines())
            with self._memory.writing() as tx:
                assets.add(tx, KIND, name, replace(refused, error=str(error), log=lines).record())
            raise
        inference = replace(inference, environment=available)
        docker = DockerEngine.current() if kind is PackageKind.IMAGE else None
        with (
            self._temporary_work.begin("package") as work,
            self._memory.files.intake() as intake,
        ):
            taken, inference = sources.take(intake, inference)
            intake.copy_out(taken, work.folder / "app")
            compiled = chosen(used, config.compile)
            spec = staging.scratch_spec(self._memory, work.folder, name, inference, used, config, compiled)
            plan = pinned(build_plan(spec))
            if test and docker is None:
                first_start.check_testable(plan)
            start = plan.start(variables=config.environment_variables)
            files = Context({**plan.foundation.files, **plan.app.files, **no_access()})
            context = files | {"Dockerfile": dockerfile.whole(plan.recipe, start).encode()}
            digest = context.digest()
            made = Package(
                name,
                kind,
                tuple(model.id for model in used),
                time.time(),
                image_label or digest[:LABEL_DIGITS],
                PackageState.RUNNING,
                digest=digest,
            )
            if docker is None:
                made = replace(made, location=str(self._files.location(made, config)))
            with self._memory.writing() as tx:
                asset = assets.add(tx, KIND, name, made.record())
                assets.keep_newest(tx, KIND, name)
                work.unfinished(tx, asset, state=PackageState.FAILED.value, location="")
            version = asset.version

            def log_line(line: str) -> None:
                log.append(line)
                report(line)

            try:
                if docker is not None:
                    location = f"{name}:{made.label}"
                    docker.images.build(plan, location, log_line, threading.Event(), start=start)
                    if test:
                        first_start.start_image(docker, location, log_line)
                else:
                    location = made.location
                    if test:
                        first_start.start_files(self._targets, work, spec, plan, files, log_line)
                    self._write(work, made, plan, context, used, config)
                    log_line(f"wrote {location}")
            except BaseException as error:
                failed = replace(made, state=PackageState.FAILED, location="", error=_reason(error))
                self._keep(version, replace(failed, log=tuple(log)))
                raise
            done = replace(made, state=PackageState.SUCCEEDED, location=location, log=tuple(log))
            self._keep(version, done)
        self._files.remove_unneeded()
        return done

    def get(self, name: str, version: int | None = None) -> Package:
        """A package by name, the newest version by default; raises `NotFound`."""
        with self._memory.reading() as tx:
            [record] = as_they_are(tx, [assets.get(tx, KIND, name, version)])
        return Package.of(record)

    def delete(self, name: str) -> None:
        """Delete all versions of a package and their files; images stay in the Docker engine.

        Raises `NotFound`, and `WrongState` while it is being built.
        """
        with self._memory.writing() as tx:
            remove(tx, KIND, name)
        self._files.remove_unneeded()

    def save(self, package: Package, output: Path) -> Path:
        """Copy a package's files to ``output``, an empty or new folder; returns the folder.

        Raises `UsageError` for an image, which has no files outside the Docker engine.
        """
        if package.kind is PackageKind.IMAGE:
            raise UsageError(
                f"package {package.location!r} is an image in the Docker engine, and has no files",
                hint="Write it to a file with docker save, or build a folder with generate_dockerfile=True.",
            )
        output = output.expanduser()
        if output.is_dir() and any(output.iterdir()):
            raise AlreadyExists("folder", str(output), hint="Name an empty one, or a new one.")
        source = self._files.of(package)
        if source.is_dir():
            shutil.copytree(source, output, dirs_exist_ok=True)
        else:
            output.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, output)
        return output

    def pull(self, package: Package) -> None:
        """Pull the image into the Docker engine. Raises `UsageError` for a package that is not an image."""
        if package.kind is not PackageKind.IMAGE:
            raise UsageError(
                f"package {package.name!r} consists of files and is not an image", hint="Save it to a folder."
            )
        DockerEngine.current().images.pull(package.location)

    def push(
        self, package: Package, repository: str, registry: Registry | None = None, report: Notify = silent
    ) -> str:
        """Push an image to ``repository``, such as registry.example/team/name; returns its name there."""
        if package.kind is not PackageKind.IMAGE:
            raise UsageError(f"package {package.name!r} is a {package.kind}, and only images are pushed")
        images = DockerEngine.current().images
        return images.push(package.location, repository, package.label, registry, report)

    # -- inside ---------------------------------------------------------------------------------------

    def _write(
        self,
        work: WorkItem,
        package: Package,
        plan: BuildPlan,
        context: Context,
        used: Sequence[Model],
        config: DeploymentConfig,
    ) -> None:
        def write_into(draft: Path) -> None:
            if package.kind is PackageKind.ZIP:
                bill = sbom.sbom_of(package.name, package.digest, None, plan.requirements, used)
                write_zip(plan, context, config, package, bill, draft / Path(package.location).name)
            else:
                _write_folder(package, plan, context, used, config, draft)

        self._files.write(Path(package.location), work.own, write_into)

    def _keep(self, version: int, package: Package) -> None:
        with self._memory.writing() as tx:
            assets.replace(tx, KIND, package.name, version, package.record())

    def list(self) -> list[Package]:
        """The newest version of each package."""
        with self._memory.reading() as tx:
            return [Package.of(each) for each in as_they_are(tx, assets.newest_of_each(tx, KIND))]


_RUNS = "its server always runs"
_NO_IDLE_TIMEOUT = {
    PackageKind.KUBERNETES: "its objects depend on the namespace, and on the version of KEDA's HTTP add-on",
    PackageKind.ZIP: "give it to the application when it starts, as its option --idle-timeout",
}
"""Why a package of a kind cannot carry an idle timeout."""


def _check_kind(kind: PackageKind, config: DeploymentConfig) -> None:
    """Raises `InvalidConfig` for a setting that a package of this kind cannot carry."""
    if kind is PackageKind.AZUREML_V2 and config.compile:
        raise InvalidConfig(
            "compile",
            True,
            f"cannot be in a package of the kind {kind}: the server of Azure ML v2 serves models as they are",
            hint=Advice("Leave it out, or choose another {kind}.", kind=advice.argument("package_kind")),
        )
    if kind in knative.FILES:
        knative.check_idle_timeout(kind, config)
    elif config.idle_timeout_seconds is not None:
        raise InvalidConfig(
            "idle_timeout_seconds",
            config.idle_timeout_seconds,
            f"cannot be in a package of the kind {kind}: {_NO_IDLE_TIMEOUT.get(kind, _RUNS)}",
            hint=Advice(
                "Leave it out. Where Knative is installed, choose {kind} knative.",
                kind=advice.argument("package_kind"),
            ),
        )


def _with_limit(config: DeploymentConfig) -> DeploymentConfig:
    """With the limit of concurrent calls as a variable, which packages of every kind pass to the server."""
    if config.replica_max_concurrent_requests is None:
        return config
    limit = {limits.CONCURRENT: str(config.replica_max_concurrent_requests)}
    return replace(config, environment_variables={**limit, **config.environment_variables})


def _reason(error: BaseException) -> str:
    """What a failed package says; an interrupt has no message."""
    return str(error) or type(error).__name__


def _write_folder(
    package: Package,
    plan: BuildPlan,
    context: Context,
    used: Sequence[Model],
    config: DeploymentConfig,
    folder: Path,
) -> None:
    image = f"{package.name}:{package.label}"
    base, lines = plan.recipe.base_image, plan.requirements
    context.write(folder)
    more = ""
    if package.kind is PackageKind.IOT_EDGE:
        (folder / manifests.IOT_FILE).write_text(
            manifests.iot_edge(package.name, image, config), encoding="utf-8"
        )
        more = f"* `{manifests.IOT_FILE}`: an IoT Edge deployment of {image}, which the device must pull\n"
    if package.kind is PackageKind.KUBERNETES:
        inner = folder / manifests.KUBERNETES_FOLDER
        inner.mkdir()
        for file, text in manifests.kubernetes(package.name, image, config).items():
            (inner / file).write_text(text, encoding="utf-8")
        more = (
            f"* `kubectl apply -k {inner.name}` deploys {image}, which the cluster pulls: push it to a "
            f"registry, and name it there in `images` of `{inner.name}/kustomization.yaml`\n"
            f"{manifests.access(package.name, config)}"
        )
    if package.kind in knative.FILES:
        file = knative.FILES[package.kind]
        text = knative.written(package.kind, package.name, image, config)
        (folder / file).write_text(text, encoding="utf-8")
        server = "KServe" if package.kind is PackageKind.KSERVE else "Knative"
        more = (
            f"* `kubectl apply -f {file}` has {server} serve {image}, which it must pull: push it to a "
            "registry, and name it there in `image`. Knative must be 1.13 or newer\n"
            f"{manifests.access(package.name, config)}"
        )
    if package.kind is PackageKind.AZUREML_V2:
        for file, text in azureml_v2.files_of(package.name, config, plan, folder).items():
            (folder / file).write_text(text, encoding="utf-8")
        more = (
            f"* `az ml online-endpoint create -f {azureml_v2.ENDPOINT_FILE}`, then `az ml online-deployment "
            f"create -f {azureml_v2.DEPLOYMENT_FILE} --all-traffic`, deploys it to Azure ML v2\n"
        )
    (folder / readme.FILE).write_text(
        readme.readme(package.name, package.label, base, package.models, lines, more), encoding="utf-8"
    )
    bill = sbom.sbom_of(package.name, package.digest, base, lines, used)
    (folder / sbom.FILE).write_text(bill, encoding="utf-8")
