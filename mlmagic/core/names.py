"""Azure ML v1's rules for names, and references such as ``diabetes:1``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlmagic.errors import InvalidConfig

# Full-match rules of the v1 SDK for models and web services.
_MODEL = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}")
_SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_COMPUTE = re.compile(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?")
_WORKSPACE = re.compile(r"[a-zA-Z0-9][\w\-]{1,254}")


def check_model_name(name: str) -> str:
    """Return ``name``, or raise `InvalidConfig` with the rule it breaks."""
    if not _MODEL.fullmatch(name):
        raise InvalidConfig(
            "model name",
            name,
            "must be 1 to 255 letters, digits, '-', '.' or '_' and start with a letter or digit",
            hint=_suggest(re.sub(r"[^a-zA-Z0-9\-._]+", "-", name).strip("-._")[:255]),
        )
    return name


def check_service_name(name: str) -> str:
    """Return ``name``, or raise `InvalidConfig` with the rule it breaks."""
    return checked_name("service name", name)


def checked_name(kind: str, name: str) -> str:
    """``name`` of a service or a version, or raise `InvalidConfig` with the rule it breaks."""
    if not (3 <= len(name) <= 32 and _SERVICE.fullmatch(name)):
        better = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-").lstrip("0123456789-")[:32].rstrip("-")
        raise InvalidConfig(
            kind,
            name,
            "must be 3 to 32 lower-case letters, digits or '-', start with a letter "
            "and end with a letter or digit",
            hint=_suggest(better if len(better) >= 3 else ""),
        )
    return name


def check_compute_name(name: str) -> str:
    """Return ``name``, or raise `InvalidConfig` with the rule it breaks."""
    if not (3 <= len(name) <= 24 and _COMPUTE.fullmatch(name)):
        raise InvalidConfig(
            "compute name",
            name,
            "must be 3 to 24 letters, digits or '-', start with a letter and end with a letter or digit",
        )
    return name


def check_workspace_name(name: str) -> str:
    """Return ``name``, or raise `InvalidConfig` with the rule it breaks."""
    if not _WORKSPACE.fullmatch(name):
        raise InvalidConfig(
            "workspace name",
            name,
            "must be 2 to 255 letters, digits, '-' or '_' and start with a letter or digit",
        )
    return name


def _suggest(better: str) -> str:
    return f"For example {better!r}." if better else ""


@dataclass(frozen=True, slots=True)
class ModelReference:
    """``name`` (the newest version) or ``name:version``."""

    name: str
    version: int | None = None

    @classmethod
    def parse(cls, text: str) -> ModelReference:
        """``'diabetes'``, ``'diabetes:3'`` or ``'diabetes:latest'``."""
        name, colon, version = text.partition(":")
        check_model_name(name)
        if not colon or version == "latest":
            return cls(name)
        if not (version.isascii() and version.isdigit() and int(version) >= 1):
            raise InvalidConfig(
                "model version", version, "must be a whole number from 1 on", hint=f"For example {name}:1."
            )
        return cls(name, int(version))

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}:{self.version}"
