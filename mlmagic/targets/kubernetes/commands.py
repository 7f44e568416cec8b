"""Commands in the containers of a service's pods, as ``kubectl exec`` runs them.

They read what only a container knows: what its control group counts, the requests that its server recorded,
and the packages of its image. The user needs permission to create ``pods/exec``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from mlmagic.errors import LaunchFailed, TargetUnavailable
from mlmagic.targets.images.dockerfile import PYTHON
from mlmagic.targets.kubernetes.api import Api, Object, Refused
from mlmagic.targets.kubernetes.connection import FIX, TARGET
from mlmagic.targets.kubernetes.objects import CONTAINER
from mlmagic.targets.kubernetes.pods import is_ending, name_of, runs

T = TypeVar("T")

SECONDS = 30.0
"""So long the API server may be silent while a command runs."""
_OUTPUT, _ERRORS, _STATUS = 1, 2, 3
"""The first byte of a message says which stream it belongs to."""
_PROTOCOL = "v4.channel.k8s.io"
_MOST_AT_ONCE = 8


class CommandFailed(LaunchFailed):
    """A command ended with another exit code than 0."""

    def __init__(self, words: str) -> None:
        super().__init__(TARGET, words)


def in_each(pods: Sequence[Object], work: Callable[[Object], T | None]) -> list[T]:
    """What ``work`` returns for each pod whose container runs; without the pods that ended meanwhile."""
    running = [pod for pod in pods if runs(pod) and not is_ending(pod)]
    with ThreadPoolExecutor(_MOST_AT_ONCE) as pool:
        return [found for found in pool.map(work, running) if found is not None]


def python(
    api: Api, namespace: str, pod: Object, program: str, *arguments: str, flags: Sequence[str] = ("-I",)
) -> bytes | None:
    """What a Python program prints in the pod's container; None if the pod has gone.

    ``flags`` are those of the interpreter.

    Raises `CommandFailed`, `Refused` and `TargetUnavailable`.
    """
    command = [interpreter_of(pod), *flags, "-c", program, *arguments]
    return output_of(_messages(api, namespace, name_of(pod), command))


def interpreter_of(pod: Object) -> str:
    """The interpreter that runs the server: that of an image of ours has a fixed path."""
    containers = pod["spec"]["containers"]
    command = next((each.get("command") for each in containers if each["name"] == CONTAINER), None)
    return str(command[0]) if command else PYTHON


def output_of(messages: Sequence[bytes] | None) -> bytes | None:
    """The output of a command from the messages of its streams. Raises `CommandFailed`."""
    if messages is None:
        return None
    streams: dict[int, bytes] = {}
    for message in messages:
        streams[message[0]] = streams.get(message[0], b"") + message[1:]
    status = _status(streams.get(_STATUS, b""))
    if status.get("status") != "Success":
        last = streams.get(_ERRORS, b"").decode(errors="replace").strip().splitlines()[-1:]
        raise CommandFailed(last[0] if last else str(status.get("message") or "the connection was cut"))
    return streams.get(_OUTPUT, b"")


def _status(text: bytes) -> Mapping[str, Any]:
    found = json.loads(text or b"{}")
    return found if isinstance(found, dict) else {}


def _messages(api: Api, namespace: str, pod: str, command: Sequence[str]) -> list[bytes] | None:
    """The messages of a command that has ended; None if there is no such container."""
    from kubernetes.stream.ws_client import create_websocket, get_websocket_url
    from websocket import ABNF, WebSocketBadStatusException, WebSocketException

    options = [("command", word) for word in command]
    query = urlencode([*options, ("container", CONTAINER), ("stdout", "true"), ("stderr", "true")])
    path = f"api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/exec?{query}"
    headers = {"sec-websocket-protocol": _PROTOCOL}
    if credentials := api.credentials().get("Authorization"):
        headers["authorization"] = credentials
    found: list[bytes] = []
    try:
        socket = create_websocket(api.settings, get_websocket_url(f"{api.url}/{path}"), headers)
        connection = socket.sock  # the client lets go of it when the server ends it, and does not close it
        try:
            socket.settimeout(SECONDS)
            while True:
                kind, frame = socket.recv_data_frame(True)
                if kind == ABNF.OPCODE_CLOSE:
                    return found
                if kind in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) and frame.data:
                    found.append(bytes(frame.data))
        finally:
            connection.close()
    except WebSocketBadStatusException as error:
        if error.status_code in (400, 404, 500):  # the pod, or its container, is not there any more
            return None
        raise Refused(int(error.status_code), _reason(error)) from None
    except (WebSocketException, OSError) as error:
        raise TargetUnavailable(
            TARGET, f"the Kubernetes API server cut the connection to pod {pod!r}: {error}", fix=FIX
        ) from None


def _reason(error: Any) -> str:
    body = getattr(error, "resp_body", None) or b""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.status_code} for a command in a pod"
