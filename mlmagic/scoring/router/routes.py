"""The routes file: the versions of an endpoint, and the share of the requests that each gets.

    {"default": "blue", "sticky_by": "header:x-user-id",
     "versions": [{"name": "blue", "url": "http://127.0.0.1:5001", "percent": 90, "shadow_percent": 0,
                   "credential": "...", "timeout_s": 120}, ...]}

The shares add up to 100. A version gets copies of ``shadow_percent`` of the requests that others answer.
``credential`` is sent to the version, which has keys of its own; null: it has none. ``host_header``, such as
"127.0.0.1:5001", is the Host header of its requests, where its server expects another than that of the URL.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlmagic.scoring.start_errors import StartFailed

TIMEOUT_S = 600.0
VERSION = "azureml-model-deployment"
"""The header with which a client names a version, and an answer the version that gave it (Azure ML v2's)."""
LOOK_S = 0.005
"""How long after a change of the routes all new requests follow them."""
CLIENT, BODY, HEADER = "client", "body", "header:"
_HOST = r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_is_host = re.compile(_HOST).fullmatch
_is_url = re.compile(rf"http://{_HOST}(?:/[A-Za-z0-9._~-]+)*/?").fullmatch
_is_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}").fullmatch
_is_credential = re.compile(r"[!-~]+").fullmatch
_is_sticky_by = re.compile(r"client|body|header:[a-z0-9!#$%&'*+.^`|~-]{1,100}").fullmatch


class InvalidRoutes(StartFailed):
    """The routes file is not valid."""

    phase = "routes"


@dataclass(frozen=True, slots=True)
class Route:
    """One version: where it is, and what it gets."""

    name: str
    url: str | None
    """Such as http://127.0.0.1:5001, or with a path; None while nothing of the version runs."""
    percent: float
    shadow_percent: float = 0.0
    """The percentage of the other versions' requests of which it gets copies."""
    credential: str | None = field(default=None, repr=False)
    timeout_s: float = TIMEOUT_S
    host_header: str | None = None

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port."""
        if self.url is None:
            return None
        parts = urlsplit(self.url)
        return str(parts.hostname), parts.port or 80

    @property
    def path(self) -> str:
        """The path in front of that of each request, without a slash at its end."""
        return urlsplit(self.url).path.rstrip("/") if self.url is not None else ""

    @property
    def host(self) -> str:
        """The Host header of its requests."""
        return self.host_header or (urlsplit(self.url).netloc if self.url is not None else "")


@dataclass(frozen=True, slots=True)
class Routes:
    """The versions of an endpoint, in their order."""

    versions: tuple[Route, ...]
    default: str
    """The version that answers what is no scoring request."""
    sticky_by: str | None = None
    """What keeps requests at one version: ``client`` (their address), ``body``, or ``header:NAME``."""

    @classmethod
    def read(cls, path: Path) -> Routes:
        """Raises `InvalidRoutes` with its name."""
        try:
            record = json.loads(path.read_bytes())
        except OSError as error:
            raise InvalidRoutes(f"routes file {path}: {error.strerror}") from None
        except ValueError:
            raise InvalidRoutes(f"routes file {path} is not JSON") from None
        try:
            return cls.of_record(record)
        except (TypeError, ValueError, AttributeError) as error:
            raise InvalidRoutes(f"routes file {path}: {error}") from None
        except KeyError as error:
            raise InvalidRoutes(f"routes file {path}: {error} is missing") from None

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Routes:
        """Raises ValueError, KeyError or TypeError for what is no routes file."""
        versions = tuple(
            Route(
                str(each["name"]),
                each.get("url"),
                float(each["percent"]),
                float(each.get("shadow_percent", 0)),
                each.get("credential"),
                float(each.get("timeout_s", TIMEOUT_S)),
                each.get("host_header"),
            )
            for each in record["versions"]
        )
        names = [each.name for each in versions]
        default, sticky_by = str(record["default"]), record.get("sticky_by")
        if not names:
            raise ValueError("there are no versions")
        if len(set(names)) != len(names):
            raise ValueError(f"versions have the same name: {', '.join(names)}")
        if default not in names:
            raise ValueError(f"the default version {default!r} is not among {', '.join(names)}")
        if not abs(sum(each.percent for each in versions) - 100) <= 1e-6:  # not a number fails, too
            raise ValueError("the shares must add up to 100")
        if sticky_by is not None and not _is_sticky_by(str(sticky_by)):
            raise ValueError(f"sticky_by is {sticky_by!r}: it must be client, body or header:NAME")
        for each in versions:
            _check(each)
        return cls(versions, default, sticky_by)


def _check(route: Route) -> None:
    """Raises ValueError for a version that is not valid."""
    name, url, host, credential = route.name, route.url, route.host_header, route.credential
    if not _is_name(name):
        raise ValueError(f"the version name {name!r} is not made of letters, digits, '.', '_' and '-'")
    for what, percent in (("percent", route.percent), ("shadow_percent", route.shadow_percent)):
        if not 0 <= percent <= 100:
            raise ValueError(f"{what} of {name!r} is {percent:g}: it must be from 0 to 100")
    if not 0 < route.timeout_s < math.inf:
        raise ValueError(f"timeout_s of {name!r} is {route.timeout_s:g}: it must be above 0")
    if url is not None and not (_is_url(str(url)) and urlsplit(url).port != 0):
        raise ValueError(f"the URL of {name!r} does not look like http://HOST:PORT/PATH: {url!r}")
    if host is not None and not (isinstance(host, str) and _is_host(host)):
        raise ValueError(f"host_header of {name!r} does not look like HOST:PORT: {host!r}")
    if credential is not None and not (isinstance(credential, str) and _is_credential(credential)):
        # Without the value: this goes to the log.
        raise ValueError(f"the credential of {name!r} must be text of visible ASCII characters")
