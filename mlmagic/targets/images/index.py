"""The way to the package index from inside a build: this machine's own, where a company has one.

Behind a proxy, pip is told here (pip.conf, ``PIP_*``) which index to ask and which certificates to trust; a
build knows nothing of that. `access_files` gives it along, in uv's words and in pip's, as two files that only
the first stage of the build is shown: nothing of them is in the image, nor in its history. Files and folders
of this machine (``file:`` addresses, ``find-links``) are no use in a build and are left out.
"""

from __future__ import annotations

import configparser
import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

FOLDER = "access"
"""In the build context; the first stage has it at /access."""
VARIABLES, CERTIFICATES = "index.env", "certificates.pem"
_NOTHING = """\
# How the package index is reached. Only the first stage of the build sees it. Such as:
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
"""What pip's options are called in the environment of pip and of uv."""
_BUNDLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def no_access() -> dict[str, bytes]:
    """The files for a build that asks PyPI itself, such as one that is given away."""
    return {f"{FOLDER}/{VARIABLES}": _NOTHING.encode()}


def access_files(environment: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """The files of the build context, by name: as pip on this machine is told to ask."""
    known = os.environ if environment is None else environment
    said = _said_in(_config_files(known))
    for option in _OPTIONS:
        if value := known.get(f"PIP_{option.upper().replace('-', '_')}"):
            said[option] = value
    files = no_access()
    bundle = _bundle(said.pop(_CERT, None), known)
    if bundle is not None:
        files[f"{FOLDER}/{CERTIFICATES}"] = bundle
        said[_CERT] = f"/{FOLDER}/{CERTIFICATES}"
    values = {option: _reachable(option, said.get(option, "")) for option in _OPTIONS}
    lines = [
        f"{name}={shlex.quote(value)}"
        for option, value in values.items()
        if value
        for name in _OPTIONS[option]
    ]
    if values["extra-index-url"]:
        lines.append("UV_INDEX_STRATEGY=unsafe-best-match")  # as pip does it: the best of all indexes
    if lines:
        files[f"{FOLDER}/{VARIABLES}"] = ("\n".join(lines) + "\n").encode()
    return files


def _reachable(option: str, value: str) -> str:
    """The value without what only this machine has."""
    words = value.split()
    if option.endswith("index-url"):
        words = [word for word in words if word.startswith(("http://", "https://"))]
    return " ".join(words)


def _said_in(files: Iterable[Path]) -> dict[str, str]:
    said: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue  # pip itself will say so
        for section in ("global", "install"):
            if parser.has_section(section):
                said |= dict(parser.items(section))
    return said


def _config_files(known: Mapping[str, str]) -> list[Path]:
    """In pip's own order: the later one counts."""
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


def _bundle(said: str | None, known: Mapping[str, str]) -> bytes | None:
    for path in (said, *(known.get(name) for name in _BUNDLES)):
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    return None
