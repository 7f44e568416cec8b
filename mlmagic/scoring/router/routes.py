"""The routes file: the versions of an endpoint, and the share of the requests that each gets.

    {"default": "blue", "sticky_by": "header:x-user-id",
     "versions": [{"name": "blue", "url": "http://127.0.0.1:5001", "percent": 90, "shadow_percent": 0,
                   "credential": "...", "timeout_s": 120}, ...]}

The shares add up to 100. ``credential`` is sent to the version, which has keys of its own; null: it has none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlmagic.scoring.start_errors import StartFailed

TIMEOUT_S = 600.0
LOOK_S = 0.005
"""Changed routes hold for every request that comes so much later."""
CLIENT, BODY, HEADER = "client", "body", "header:"
_is_sticky_by = re.compile(r"client|body|header:[a-z0-9!#$%&'*+.^`|~-]{1,100}").fullmatch


class InvalidRoutes(StartFailed):
    """The routes file cannot be used."""

    phase = "routes"


@dataclass(frozen=True, slots=True)
class Route:
    """One version: where it is, and what it gets."""

    name: str
    url: str | None
    """Such as http://127.0.0.1:5001; None while nothing of the version runs."""
    percent: float
    shadow_percent: float = 0.0
    """Of the requests that other versions answer, it gets copies of so many."""
    credential: str | None = field(default=None, repr=False)
    timeout_s: float = TIMEOUT_S

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port."""
        if self.url is None:
            return None
        parts = urlsplit(self.url)
        return str(parts.hostname), parts.port or 80


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
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidRoutes(f"routes file {path}: {error}") from None

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
            )
            for each in record["versions"]
        )
        names = [each.name for each in versions]
        default, sticky_by = str(record["default"]), record.get("sticky_by")
        if len(set(names)) != len(names):
            raise ValueError(f"versions have the same name: {', '.join(names)}")
        if default not in names:
            raise ValueError(f"the default version {default!r} is not among {', '.join(names)}")
        if sum(each.percent for each in versions) - 100 > 1e-6 or any(each.percent < 0 for each in versions):
            raise ValueError("the shares must add up to 100")
        if sticky_by is not None and not _is_sticky_by(sticky_by):
            raise ValueError(f"sticky_by is {sticky_by!r}: it must be client, body or header:NAME")
        for each in versions:
            if each.url is not None and not each.url.startswith("http://"):
                raise ValueError(f"the URL of {each.name!r} does not begin with http://: {each.url!r}")
        return cls(versions, default, sticky_by)
