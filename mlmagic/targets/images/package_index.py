"""Access to the package index as pip has it on this machine: for builds of images, and for uv.

In a company, pip.conf and ``PIP_*`` variables often name a mirror and a certificate authority (CA), variables
name a proxy, and the system trusts the CA. `access_files` passes that to a build, for pip and for uv, as two
files that only its first stage copies: they are neither in the image nor in its history. Files and folders of
this machine (``file:`` addresses, ``find-links``) cannot be reached in a build and are left out. `variables`
has the same for uv on this machine, which reads neither pip's settings nor the system's certificates.
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

FOLDER = "access"
"""The folder in the build context; in the first stage it is /access."""
VARIABLES, CERTIFICATES = "index.env", "certificates.pem"
_NO_SETTINGS = """\
# How to reach the package index; only the first stage of the build uses this file. For example, a mirror:
# PIP_INDEX_URL=https://mirror.example/simple
# UV_DEFAULT_INDEX=https://mirror.example/simple
#
# A company's certificate authority (CA): put its certificates (PEM) into access/certificates.pem, and set
# PIP_CERT=/access/certificates.pem
# SSL_CERT_FILE=/access/certificates.pem
#
# A proxy:
# HTTPS_PROXY=http://proxy.example:3128
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
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where systems keep the certificates that they trust, a company's CA included, as pip uses them."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_OF_UV = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")
_HERE = re.compile(r"^\w+://(?:[^/@]*@)?(?:localhost|127\.|\[::1\])")


def no_access() -> dict[str, bytes]:
    """The files for a build that uses PyPI, such as one that is given to others."""
    return {f"{FOLDER}/{VARIABLES}": _NO_SETTINGS.encode()}


def access_files(
    environment: Mapping[str, str] | None = None, system: Sequence[str] = SYSTEM_BUNDLES
) -> dict[str, bytes]:
    """The files for a build that uses the package index that pip and uv use on this machine."""
    known = os.environ if environment is None else environment
    settings, bundle = _settings(known, system)
    settings = {name: value for name, value in settings.items() if not _HERE.match(value)}
    files = no_access()
    if bundle is not None:
        files[f"{FOLDER}/{CERTIFICATES}"] = Path(bundle).read_bytes()
        settings |= dict.fromkeys(_OPTIONS[_CERT], f"/{FOLDER}/{CERTIFICATES}")
    if settings:
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in settings.items()]
        files[f"{FOLDER}/{VARIABLES}"] = "".join(lines).encode()
    return files


def variables(
    environment: Mapping[str, str] | None = None, system: Sequence[str] = SYSTEM_BUNDLES
) -> dict[str, str]:
    """The variables with which uv reaches the index of pip on this machine; what is set already stays."""
    known = os.environ if environment is None else environment
    settings, bundle = _settings(known, system)
    if bundle is not None:
        settings["SSL_CERT_FILE"] = bundle
    return {name: value for name, value in settings.items() if name not in known}


def _settings(known: Mapping[str, str], system: Sequence[str]) -> tuple[dict[str, str], str | None]:
    """The variables of pip and uv, without those of certificates; and the file of the certificates."""
    options = _options_in(_config_files(known))
    for option in _OPTIONS:
        if value := known.get(f"PIP_{option.upper().replace('-', '_')}"):
            options[option] = value
    bundle = _bundle(options.pop(_CERT, None), known, system)
    values = {option: _reachable(option, options.get(option, "")) for option in _OPTIONS}
    proxies = {name: known.get(name) or known.get(name.lower()) or "" for name in _PROXIES}
    settings = {name: value for name, value in proxies.items() if value}
    settings |= {name: value for option, value in values.items() if value for name in _OPTIONS[option]}
    if values["extra-index-url"]:
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip does: the best version of all indexes
    of_uv = {name: _reachable("index-url", known.get(name, "")) for name in _OF_UV}
    return settings | {name: value for name, value in of_uv.items() if value}, bundle


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


def _bundle(named: str | None, known: Mapping[str, str], system: Sequence[str]) -> str | None:
    for path in (named, *(known.get(name) for name in _BUNDLES), *system):
        if path and Path(path).is_file():
            return path
    return None
