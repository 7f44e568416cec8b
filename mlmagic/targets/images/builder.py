"""A Docker engine: found as its own command line finds it, and asked to build."""

from __future__ import annotations

import json
import os
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.environment import Registry
from mlmagic.errors import BuildFailed, TargetUnavailable
from mlmagic.targets.images.context import Context

if TYPE_CHECKING:
    from docker import DockerClient

Report = Callable[[str], None]
LAST_LINES = 20
"""Of a step that failed, these are shown."""
ENGINE_SECONDS = 600.0


def connect(timeout: float = ENGINE_SECONDS) -> DockerClient:
    """The engine that ``DOCKER_HOST``, or the context in use, names. Raises `TargetUnavailable`."""
    try:
        import docker
    except ImportError:
        raise TargetUnavailable(
            "docker",
            "the Python package of Docker is not installed",
            fix="Install it (pip install 'mlmagic[docker]'), or use --target local.",
        ) from None
    host = os.environ.get("DOCKER_HOST") or _host_of_context()
    client: Any = None
    try:
        client = _client_of(host, timeout)
        client.ping()
    except Exception as error:  # requests', urllib3's and docker's own
        if client is not None:
            client.close()
        where = host or "unix:///var/run/docker.sock"
        raise TargetUnavailable(
            "docker",
            f"no Docker engine answers at {where} ({_cause(error)})",
            fix="Start it (dockerd, Docker Desktop), or use --target local.",
        ) from None
    made: DockerClient = client
    return made


def build(
    client: DockerClient,
    context: Context,
    tag: str,
    report: Report,
    *,
    registry: Registry | None = None,
) -> str:
    """Build the image ``tag``; returns its id. Each line that the engine says is reported.

    Layers that are there are used again. Raises `BuildFailed` with the last lines of the step that failed.
    """
    said: deque[str] = deque(maxlen=LAST_LINES)
    step, image_id = "", ""
    with tempfile.TemporaryFile(prefix="mlmagic-context-") as file:
        context.write_tar(file)
        file.seek(0)
        for event in _build_stream(client, file, tag, context.build_arguments, registry):
            if "error" in event:
                raise BuildFailed(
                    f"the image cannot be built: {step or 'no step'}: {event['error'].strip()}",
                    log="\n".join(said),
                )
            image_id = event.get("aux", {}).get("ID", image_id)
            for line in _lines_of(event):
                if line.startswith("Step "):
                    step = line
                    said.clear()
                said.append(line)
                report(line)
    return image_id or str(client.images.get(tag).id)


def _build_stream(
    client: DockerClient, file: Any, tag: str, arguments: Mapping[str, str], registry: Registry | None
) -> Any:
    with _login(client, registry):
        yield from client.api.build(
            fileobj=file,
            custom_context=True,
            tag=tag,
            rm=True,
            forcerm=True,
            decode=True,
            buildargs=dict(arguments),
            network_mode=os.environ.get("MLMAGIC_BUILD_NETWORK"),
        )


class _login:
    """Within, the engine's client knows the registry of the base image; afterwards as before."""

    def __init__(self, client: DockerClient, registry: Registry | None) -> None:
        self._configs = client.api._auth_configs.auths
        self._registry = registry

    def __enter__(self) -> None:
        one = self._registry
        if one is not None and one.address and one.username:
            self._configs[one.address] = {
                "username": one.username,
                "password": one.password or "",
                "serveraddress": one.address,
            }

    def __exit__(self, *_: object) -> None:
        if self._registry is not None and self._registry.address and self._registry.username:
            self._configs.pop(self._registry.address, None)


def _lines_of(event: Mapping[str, Any]) -> list[str]:
    if "stream" in event:
        return [line.rstrip() for line in str(event["stream"]).splitlines() if line.strip()]
    if "status" in event and "progressDetail" not in event:
        return [f"{event.get('id', '')} {event['status']}".strip()]
    return []


def _client_of(host: str | None, timeout: float) -> DockerClient:
    import docker

    if host is None or os.environ.get("DOCKER_HOST"):
        return docker.from_env(timeout=timeout)  # with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH
    return docker.DockerClient(base_url=host, timeout=timeout)


def _host_of_context() -> str | None:
    """What ``docker context use`` has chosen; None for the default."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = {}
    name = os.environ.get("DOCKER_CONTEXT") or config.get("currentContext") or "default"
    if name == "default":
        return None
    for meta in (folder / "contexts" / "meta").glob("*/meta.json"):
        told = json.loads(meta.read_text(encoding="utf-8"))
        if told.get("Name") == name:
            return str(told.get("Endpoints", {}).get("docker", {}).get("Host") or "") or None
    raise TargetUnavailable(
        "docker", f"there is no Docker context {name!r}", fix="docker context ls lists them."
    )


def _cause(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return " ".join(str(error).split())[:200]


def push(
    client: DockerClient, image: str, repository: str, label: str, registry: Registry | None, report: Report
) -> str:
    """Push ``image`` as ``repository:label``; returns that name. Raises `BuildFailed` with what was said."""
    if not client.images.get(image).tag(repository, label):
        raise BuildFailed(f"{image} cannot be called {repository}:{label}")
    access = None
    if registry is not None and registry.username:
        access = {"username": registry.username, "password": registry.password or ""}
    for event in client.api.push(repository, tag=label, stream=True, decode=True, auth_config=access):
        if "error" in event:
            raise BuildFailed(f"{repository}:{label} cannot be pushed: {event['error']}")
        for line in _lines_of(event):
            report(line)
    return f"{repository}:{label}"


def pull(client: DockerClient, image: str) -> None:
    """See that the engine has ``image``. Raises `BuildFailed`."""
    from docker.errors import DockerException, ImageNotFound

    try:
        client.images.get(image)
    except ImageNotFound:
        try:
            client.images.pull(image)
        except DockerException as error:
            raise BuildFailed(f"{image} is not in the engine and cannot be pulled: {_cause(error)}") from None
