"""The images of one engine: built, pulled and pushed with progress.

A service has three, one on top of the other: the foundation (packages and the scoring server), shared by all
services that need the same; the models, shared by all versions of a script; and the image with its script.
All are named by a hash of their content, so nothing is built twice. An image of models is removed with the
last service on top of it: so no image of ours holds a model that was deleted.
"""

from __future__ import annotations

import queue
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from mlmagic.core.compiled_models import COMPILED_FOLDER
from mlmagic.core.environment import Registry
from mlmagic.errors import BuildFailed
from mlmagic.targets.base import Report
from mlmagic.targets.docker.progress import Progress
from mlmagic.targets.docker.streams import Stream
from mlmagic.targets.images import dockerfile
from mlmagic.targets.images.build_plan import BuildPlan
from mlmagic.targets.images.context import Content, Context
from mlmagic.targets.images.dockerfile import Start
from mlmagic.targets.images.package_index import access_files

if TYPE_CHECKING:
    from docker import APIClient

FOUNDATION, MODELS = "mlmagic/foundation", "mlmagic/models"
MODELS_LABEL = "mlmagic.models"
"""The label of an image of models, and of all on top of it: the name of the image of models."""
MODELS_FOLDERS = ("azureml-models/", f"{COMPILED_FOLDER}/")
LABEL = "mlmagic"
"""The prefix of the labels and names of all that mlmagic creates."""
Message = Mapping[str, Any]
"""What the engine reports during a build, pull or push."""
_IN_MEMORY_BYTES = 16 << 20
_LOOK_SECONDS = 0.5
_guard, _under_way = threading.Lock(), Counter[str]()
"""How many builds use an image of models; it is not removed meanwhile."""
_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


class Images:
    """The images of one engine, by name."""

    def __init__(self, api: APIClient) -> None:
        self._api = api

    def has(self, name: str) -> bool:
        """Whether the engine has the image."""
        from docker.errors import ImageNotFound

        try:
            self._api.inspect_image(name)
        except ImageNotFound:
            return False
        return True

    def build(
        self,
        plan: BuildPlan,
        name: str,
        report: Report,
        cancelled: threading.Event,
        *,
        start: Start,
    ) -> None:
        """Build an image, and those below it that are missing. Raises `BuildFailed`."""
        foundation = foundation_name(plan)
        # If twenty services need the same foundation, one builds it and the others wait.
        lock = _locks[f"{self._api.base_url} {foundation}"]
        while not lock.acquire(timeout=_LOOK_SECONDS):
            _check(cancelled)
            report("waiting for another service's build of the same environment")
        try:
            if not self.has(foundation):
                self._pull_base(plan, report, cancelled)
                text = dockerfile.foundation(plan.recipe)
                files: Mapping[str, Content] = {**_without_models(plan), **access_files()}
                self._build("the environment image", text, files, foundation, report, cancelled)
        finally:
            lock.release()
        below = name_below(plan)
        with self._keeping(below):
            if below != foundation:
                with _locks[f"{self._api.base_url} {below}"]:
                    if not self.has(below):
                        text = dockerfile.models(plan.recipe, upon=foundation, labels={MODELS_LABEL: below})
                        models = _models(plan)
                        self._build("the image of the models", text, models, below, report, cancelled)
            text = dockerfile.service(start, upon=below)
            self._build("the service image", text, plan.app.files, name, report, cancelled)

    def remove(self, key: str) -> None:
        """Remove the images of the revision ``key``, and their models, unless something else uses them."""
        from docker.errors import APIError

        below = set()
        for found in self._api.images(filters={"label": [f"mlmagic.key={key}"]}):
            below.add((found["Labels"] or {}).get(MODELS_LABEL, ""))
            # One whose name was given to a newer image has none.
            names = [name for name in found["RepoTags"] or () if not name.startswith("<none>")]
            for name in names or [found["Id"]]:
                try:
                    self._api.remove_image(name)
                except APIError as error:
                    if error.status_code not in (404, 409):
                        raise
        for models in below - {""}:
            self._remove_unused(models)

    @contextmanager
    def _keeping(self, models: str) -> Iterator[None]:
        """Keep an image of models while something is built on it, and after that only below a service.

        What is built may be a package: its image keeps the layers, and the models no name of their own.
        """
        key = f"{self._api.base_url} {models}"
        with _guard:
            _under_way[key] += 1
        try:
            yield
        finally:
            with _guard:
                _under_way[key] -= 1
            self._remove_unused(models)

    def _remove_unused(self, models: str) -> None:
        """Remove an image of models unless the image of a service is on top of it, or is being built."""
        from docker.errors import APIError

        with _guard:
            if not models.startswith(f"{MODELS}:") or _under_way[f"{self._api.base_url} {models}"]:
                return
            if self._api.images(filters={"label": [f"{MODELS_LABEL}={models}", "mlmagic.key"]}):
                return
            try:
                self._api.remove_image(models)
            except APIError as error:
                if error.status_code not in (404, 409):
                    raise

    def pull(self, name: str) -> None:
        """Pull the image unless the engine has it. Raises `BuildFailed`."""
        from docker.errors import APIError

        if self.has(name):
            return
        try:
            self._api.pull(name)
        except APIError as error:
            raise BuildFailed(
                f"image {name!r} cannot be pulled: {error.explanation or error}",
                hint="Check its name, and log in to its registry with: docker login",
            ) from None

    def push(self, name: str, repository: str, label: str, registry: Registry | None, report: Report) -> str:
        """Push the image as ``repository:label`` and return that name. Raises `BuildFailed`."""
        from docker.errors import APIError

        auth = None
        if registry is not None and registry.username:
            auth = {"username": registry.username, "password": registry.password or ""}
        self._api.reload_config()  # somebody may have logged in since
        try:
            self._api.tag(name, repository, label)
            self._follow(
                Progress(f"image '{repository}:{label}' cannot be pushed", report),
                lambda: self._api.push(repository, tag=label, stream=True, decode=True, auth_config=auth),
                threading.Event(),
            )
        except APIError as error:
            raise BuildFailed(
                f"image '{repository}:{label}' cannot be pushed: {error.explanation or error}",
                hint="Log in to its registry with: docker login",
            ) from None
        return f"{repository}:{label}"

    def _pull_base(self, plan: BuildPlan, report: Report, cancelled: threading.Event) -> None:
        """Pull the images that the build starts from, with the credentials of the environment."""
        from docker.errors import APIError, ImageNotFound

        registry = plan.needs.registry
        auth = {"username": registry.username, "password": registry.password} if registry.username else None
        wanted = {plan.recipe.base_image, plan.recipe.builder_image or plan.recipe.base_image}
        for name in sorted(wanted) if plan.recipe.base_dockerfile is None else []:
            if self.has(name):
                continue
            report(f"pulling {name}")
            self._api.reload_config()
            try:
                self._follow(
                    Progress(f"base image {name!r} cannot be pulled", report),
                    partial(self._api.pull, name, stream=True, decode=True, auth_config=auth),
                    cancelled,
                )
            except (APIError, ImageNotFound) as error:
                raise BuildFailed(
                    f"base image {name!r} cannot be pulled: {error.explanation or error}",
                    hint="Choose another with the variable MLMAGIC_BASE_IMAGE or in the environment.",
                ) from None

    def _build(
        self,
        what: str,
        text: str,
        files: Mapping[str, Any],
        name: str,
        report: Report,
        cancelled: threading.Event,
    ) -> None:
        from docker.errors import APIError

        context = Context({**files, "Dockerfile": text.encode()})
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as archive:
            context.archive(archive)
            archive.seek(0)
            try:
                self._follow(
                    Progress(f"{what} cannot be built", report),
                    lambda: self._api.build(
                        fileobj=archive, custom_context=True, tag=name, rm=True, forcerm=True, decode=True
                    ),
                    cancelled,
                )
            except APIError as error:
                raise BuildFailed(f"{what} cannot be built: {error.explanation or error}") from None

    def _follow(
        self, progress: Progress, call: Callable[[], Iterable[Message]], cancelled: threading.Event
    ) -> None:
        """Report the messages of ``call``. Raises `BuildFailed`, also when ``cancelled`` is set."""
        stream = Stream(call)
        arrived: queue.Queue[Message | Exception | None] = queue.Queue()
        # A thread of its own reads, because a step may be silent for minutes.
        threading.Thread(
            target=_read, args=(stream, arrived), name="mlmagic-docker-build", daemon=True
        ).start()
        while True:
            if cancelled.is_set():
                stream.end()  # the engine stops a build when its client is gone
            _check(cancelled)
            try:
                message = arrived.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            if message is None:
                return
            if isinstance(message, Exception):
                raise message
            progress.take(message)


def foundation_name(plan: BuildPlan) -> str:
    """The name of the foundation: the same for the same packages and server."""
    content = Context({**_without_models(plan), "Dockerfile": dockerfile.foundation(plan.recipe).encode()})
    return f"{FOUNDATION}:{content.digest()[:20]}"


def name_below(plan: BuildPlan) -> str:
    """The name of the image below the script: that of the models, or of the foundation without any."""
    foundation = foundation_name(plan)
    if not plan.recipe.has_models:
        return foundation
    content = Context(
        {**_models(plan), "Dockerfile": dockerfile.models(plan.recipe, upon=foundation).encode()}
    )
    return f"{MODELS}:{content.digest()[:20]}"


def _models(plan: BuildPlan) -> Mapping[str, Content]:
    return {name: file for name, file in plan.foundation.files.items() if name.startswith(MODELS_FOLDERS)}


def _without_models(plan: BuildPlan) -> Mapping[str, Content]:
    return {name: file for name, file in plan.foundation.files.items() if not name.startswith(MODELS_FOLDERS)}


def service_name(plan: BuildPlan, name: str, labels: Mapping[str, str]) -> str:
    """The name of the service's image: the same for the same service, script and foundation."""
    text = dockerfile.service(plan.start(labels=labels), upon=name_below(plan))
    return f"{LABEL}/{name}:{(plan.app | {'Dockerfile': text.encode()}).digest()[:20]}"


def _read(stream: Stream[Message], arrived: queue.Queue[Message | Exception | None]) -> None:
    """Put each message, and None or the error at the end; close the stream."""
    with stream:
        try:
            for message in stream:
                arrived.put(message)
            arrived.put(None)
        except Exception as error:
            arrived.put(error)


def _check(cancelled: threading.Event) -> None:
    if cancelled.is_set():
        raise BuildFailed("the build was cancelled")
