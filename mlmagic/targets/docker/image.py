"""Images: built and pulled with progress, named by their content, so that what is there is never made again.

Two of them for a service: the foundation (packages, the server, models), the same for all that need the same,
and upon it the service with its script.
"""

from __future__ import annotations

import inspect
import queue
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlmagic.core.environment import Registry
from mlmagic.errors import BuildFailed
from mlmagic.targets.base import Report
from mlmagic.targets.docker.progress import Progress
from mlmagic.targets.images import dockerfile
from mlmagic.targets.images.blueprint import Blueprint
from mlmagic.targets.images.context import Context
from mlmagic.targets.images.dockerfile import Start
from mlmagic.targets.images.index import access_files

if TYPE_CHECKING:
    from docker import APIClient

FOUNDATION = "mlmagic/foundation"
LABEL = "mlmagic"
"""All that is ours has labels that begin with it."""
_IN_MEMORY_BYTES = 16 << 20
_LOOK_SECONDS = 0.5
_END = object()
_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


class Images:
    """Those of one engine."""

    def __init__(self, api: APIClient) -> None:
        self._api = api

    def has(self, name: str) -> bool:
        """Whether it is there."""
        from docker.errors import ImageNotFound

        try:
            self._api.inspect_image(name)
        except ImageNotFound:
            return False
        return True

    def make(
        self,
        plan: Blueprint,
        name: str,
        report: Report,
        cancelled: threading.Event,
        *,
        start: Start,
    ) -> None:
        """Build the service's image, and its foundation if nobody has yet. Raises `BuildFailed`."""
        foundation = foundation_name(plan)
        # Of twenty services that need the same, one builds it and the others wait.
        lock = _locks[f"{self._api.base_url} {foundation}"]
        while not lock.acquire(timeout=_LOOK_SECONDS):
            _heed(cancelled)
            report("waiting for another service's build of the same packages")
        try:
            if not self.has(foundation):
                self._fetch(plan, report, cancelled)
                text = dockerfile.foundation(plan.recipe)
                files = (plan.foundation | access_files()).files
                self._build("its environment", text, files, foundation, report, cancelled)
        finally:
            lock.release()
        text = dockerfile.service(start, upon=foundation)
        self._build("its image", text, plan.app.files, name, report, cancelled)

    def forget(self, key: str) -> None:
        """Remove the images of a revision, unless a container uses them."""
        from docker.errors import APIError

        for found in self._api.images(filters={"label": [f"mlmagic.key={key}"]}):
            for name in found["RepoTags"] or [found["Id"]]:
                try:
                    self._api.remove_image(name)
                except APIError as error:
                    if error.status_code not in (404, 409):
                        raise

    def pull(self, name: str) -> None:
        """See that it is there. Raises `BuildFailed`."""
        from docker.errors import APIError

        if self.has(name):
            return
        try:
            self._api.pull(name)
        except APIError as error:
            raise BuildFailed(
                f"image {name!r} is not in the engine, and cannot be pulled: {error.explanation or error}"
            ) from None

    def push(self, name: str, repository: str, label: str, registry: Registry | None, report: Report) -> str:
        """Push it as ``repository:label``; returns that name. Raises `BuildFailed` with what was said."""
        from docker.errors import APIError

        auth = None
        if registry is not None and registry.username:
            auth = {"username": registry.username, "password": registry.password or ""}
        try:
            self._api.tag(name, repository, label)
            messages = self._api.push(repository, tag=label, stream=True, decode=True, auth_config=auth)
            self._follow(f"{repository}:{label}", messages, report, threading.Event())
        except APIError as error:
            raise BuildFailed(
                f"{repository}:{label} cannot be pushed: {error.explanation or error}"
            ) from None
        return f"{repository}:{label}"

    def _fetch(self, plan: Blueprint, report: Report, cancelled: threading.Event) -> None:
        """Pull what it is built upon, with the environment's own credentials: line by line, and only once."""
        from docker.errors import APIError, ImageNotFound

        registry = plan.needs.registry
        auth = {"username": registry.username, "password": registry.password} if registry.username else None
        wanted = {plan.recipe.base_image, plan.recipe.builder_image or plan.recipe.base_image}
        for name in sorted(wanted) if plan.recipe.base_dockerfile is None else []:
            if self.has(name):
                continue
            report(f"pulling {name}")
            try:
                messages = self._api.pull(name, stream=True, decode=True, auth_config=auth)
                self._follow(f"base image {name}", messages, report, cancelled)
            except (APIError, ImageNotFound) as error:
                raise BuildFailed(
                    f"base image {name!r} cannot be pulled: {error.explanation or error}",
                    hint="MLMAGIC_BASE_IMAGE names another, and so does the environment.",
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
                messages = self._api.build(
                    fileobj=archive, custom_context=True, tag=name, rm=True, forcerm=True, decode=True
                )
                self._follow(what, messages, report, cancelled)
            except APIError as error:
                raise BuildFailed(f"{what} cannot be built: {error.explanation or error}") from None

    def _follow(self, what: str, messages: Iterator[Any], report: Report, cancelled: threading.Event) -> None:
        """Tell what comes, and look up now and then whether it is still wanted."""
        progress = Progress(what, report)
        arrived: queue.Queue[Any] = queue.Queue()
        threading.Thread(
            target=_pass_on, args=(messages, arrived, cancelled), name="mlmagic-docker-build", daemon=True
        ).start()
        while True:
            if cancelled.is_set():
                _hang_up(messages)
            _heed(cancelled)
            try:
                message = arrived.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            if message is _END:
                return
            if isinstance(message, Exception):
                raise message
            progress.take(message)


def foundation_name(plan: Blueprint) -> str:
    """The same for the same packages, server and models, whatever the way to the package index."""
    told = Context({**plan.foundation.files, "Dockerfile": dockerfile.foundation(plan.recipe).encode()})
    return f"{FOUNDATION}:{told.digest()[:20]}"


def service_name(plan: Blueprint, name: str, labels: Mapping[str, str]) -> str:
    """The same for the same service, script and foundation."""
    text = dockerfile.service(plan.start(labels=labels), upon=foundation_name(plan))
    return f"{LABEL}/{name}:{(plan.app | {'Dockerfile': text.encode()}).digest()[:20]}"


def _pass_on(messages: Iterator[Any], arrived: queue.Queue[Any], cancelled: threading.Event) -> None:
    """In a thread of its own, as a silent step keeps its reader waiting. Leaving ends the build."""
    try:
        for message in messages:
            if cancelled.is_set():
                break
            arrived.put(message)
        arrived.put(_END)
    except Exception as error:
        arrived.put(error)
    finally:
        close = getattr(messages, "close", None)
        if close is not None:
            close()


def _hang_up(messages: Iterator[Any]) -> None:
    """End the connection, though another thread waits for what comes: the engine gives the build up then."""
    known = inspect.getgeneratorlocals(messages) if inspect.isgenerator(messages) else {}
    shutdown = getattr(getattr(known.get("response"), "raw", None), "shutdown", None)
    if shutdown is not None:
        shutdown()


def _heed(cancelled: threading.Event) -> None:
    if cancelled.is_set():
        raise BuildFailed("the build was given up: nobody waits for it any more")
