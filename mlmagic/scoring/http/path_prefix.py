"""The path under which a proxy sends requests: SERVICE_PATH_PREFIX (Azure ML v1), as /api/v1/service/NAME.

Some proxies do not remove it, so the server does. Requests without it are answered too: health probes come
past the proxy.
"""

from __future__ import annotations

from collections.abc import Mapping

VARIABLE = "SERVICE_PATH_PREFIX"


def prefix_of(environment: Mapping[str, str]) -> str:
    """With a slash at its beginning and none at its end; empty without one."""
    prefix = environment.get(VARIABLE, "").strip("/")
    return f"/{prefix}" if prefix else ""


def without_prefix(target: bytes, prefix: bytes) -> bytes:
    """The target of a request without the prefix, if its path has it."""
    begin = 0
    if not target.startswith(b"/"):  # the absolute form, which clients send to a proxy
        address = target.partition(b"?")[0]
        begin = address.find(b"/", address.find(b"://") + 3)
    end = begin + len(prefix)
    if begin < 0 or target[begin:end] != prefix or target[end : end + 1] not in (b"", b"/", b"?"):
        return target
    rest = target[end:]
    return target[:begin] + (rest if rest.startswith(b"/") else b"/" + rest)
