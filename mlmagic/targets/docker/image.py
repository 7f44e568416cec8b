"""The images of one engine: built, pulled and pushed with progress.

A service has two: the foundation (packages, the scoring server, models), shared by all services that need the
same, and on top of it the image with its script. Both are named by a hash of their content, so nothing is
built twice.
"""

from __future__ import annotations

import queue
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from mlmagic.core.environment import Registry
from mlmagic.errors import BuildFailed
from mlmagic.targets.base import Report
from mlmagic.targets.docker.progress import Progress
from mlmagic.targets.docker.streams import Stream
from mlmagic.targets.images import dockerfile
from mlmagic.targets.images.build_plan import BuildPlan
from mlmagic.targets.images.context import Context
from mlmagic.targets.images.dockerfile import Start
from mlmagic.targets.images.package_index import access_files

if TYPE_CHECKING:
    from docker import APIClient

FOUNDATION = "mlmagic/foundation"
LABEL = "mlmagic"
"""The prefix of the labels and names of all that mlmagic creates."""
Message = Mapping[str, Any]
"""What the engine reports during a build, pull or push."""
_IN_MEMORY_BYTES = 16 << 20
_LOOK_SECONDS = 0.5
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
        """Build the service's image, and its foundation if it is missing. Raises `BuildFailed`."""
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
                files = (plan.foundation | access_files()).files
                self._build("the environment image", text, files, foundation, report, cancelled)
        finally:
            lock.release()
        text = dockerfile.service(start, upon=foundation)
        self._build("the service image", text, plan.app.files, name, report, cancelled)

    def remove(self, key: str) -> None:
        """Remove the images of the revision ``key``, unless a container uses them."""
        from docker.errors import APIError

        for found in self._api.images(filters={"label": [f"mlmagic.key={key}"]}):
            # One whose name was given to a newer image has none.
            names = [name for name in found["RepoTags"] or () if not name.startswith("<none>")]
            for name in names or [found["Id"]]:
                try:
                    self._api.remove_image(name)
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
    """The name of the foundation: the same for the same packages, server and models."""
    content = Context({**plan.foundation.files, "Dockerfile": dockerfile.foundation(plan.recipe).encode()})
    return f"{FOUNDATION}:{content.digest()[:20]}"


def service_name(plan: BuildPlan, name: str, labels: Mapping[str, str]) -> str:
    """The name of the service's image: the same for the same service, script and foundation."""
    text = dockerfile.service(plan.start(labels=labels), upon=foundation_name(plan))
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
