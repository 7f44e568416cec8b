"""Access to the package index from inside a build, with the pip settings of this machine.

In a company, pip.conf and ``PIP_*`` variables often name a mirror and its certificates. `access_files` passes
them to the build, for pip and for uv, as two files that only its first stage copies: they are neither in the
image nor in its history. Files and folders of this machine (``file:`` addresses, ``find-links``) cannot be
reached in a build and are left out.
"""

from __future__ import annotations

import configparser
import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

FOLDER = "access"
"""The folder in the build context; in the first stage it is /access."""
VARIABLES, CERTIFICATES = "index.env", "certificates.pem"
_NO_SETTINGS = """\
# How to reach the package index; only the first stage of the build uses this file. For example:
# UV_DEFAULT_INDEX=https://mirror.example/simple
# PIP_INDEX_URL=https://mirror.example/simple
"""
_CERT = "cert"
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "index-url": ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
    "extra-index-url": ("PIP_EXTRA_INDEX_URL", "UV_INDEX"),
    "trusted-host": ("PIP_TRUSTED_HOST", "UV_INSECURE_HOST"),
    "proxy": ("HTTP_PROXY", "HTTPS_PROXY"),
    "timeout": ("PIP_TIMEOUT", "UV_HTTP_TIMEOUT"),
    "retries": ("PIP_RETRIES", "UV_HTTP_RETRIES"),
    _CERT: ("PIP_CERT", "SSL_CERT_FILE"),
}
"""The variables of pip and of uv for each option of pip."""
_BUNDLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def no_access() -> dict[str, bytes]:
    """The files for a build that uses PyPI, such as one that is given to others."""
    return {f"{FOLDER}/{VARIABLES}": _NO_SETTINGS.encode()}


def access_files(environment: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """The files for a build that uses the package index that pip uses on this machine."""
    known = os.environ if environment is None else environment
    options = _options_in(_config_files(known))
    for option in _OPTIONS:
        if value := known.get(f"PIP_{option.upper().replace('-', '_')}"):
            options[option] = value
    files = no_access()
    bundle = _bundle(options.pop(_CERT, None), known)
    if bundle is not None:
        files[f"{FOLDER}/{CERTIFICATES}"] = bundle
        options[_CERT] = f"/{FOLDER}/{CERTIFICATES}"
    values = {option: _reachable(option, options.get(option, "")) for option in _OPTIONS}
    lines = [
        f"{name}={shlex.quote(value)}"
        for option, value in values.items()
        if value
        for name in _OPTIONS[option]
    ]
    if values["extra-index-url"]:
        lines.append("UV_INDEX_STRATEGY=unsafe-best-match")  # as pip does: the best version of all indexes
    if lines:
        files[f"{FOLDER}/{VARIABLES}"] = ("\n".join(lines) + "\n").encode()
    return files


def _reachable(option: str, value: str) -> str:
    """The value without addresses that only this machine can reach."""
    words = value.split()
    if option.endswith("index-url"):
        words = [word for word in words if word.startswith(("http://", "https://"))]
    return " ".join(words)


def _options_in(files: Iterable[Path]) -> dict[str, str]:
    options: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue  # pip itself reports it
        for section in ("global", "install"):
            if parser.has_section(section):
                options |= dict(parser.items(section))
    return options


def _config_files(known: Mapping[str, str]) -> list[Path]:
    """pip's configuration files; a later one overrides those before."""
    home = Path(known.get("HOME") or Path.home())
    settings = Path(known.get("XDG_CONFIG_HOME") or home / ".config")
    files = [
        Path("/etc/pip.conf"),
        home / ".pip/pip.conf",
        settings / "pip/pip.conf",
        Path(sys.prefix) / "pip.conf",
    ]
    named = known.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    return [*files, *([Path(named)] if named else [])]


def _bundle(named: str | None, known: Mapping[str, str]) -> bytes | None:
    for path in (named, *(known.get(name) for name in _BUNDLES)):
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    return None
