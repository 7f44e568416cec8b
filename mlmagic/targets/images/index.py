"""The way to the package index from inside a build: this machine's own, where a company has one.

Behind a proxy, pip is told here (pip.conf, ``PIP_*``) which index to ask and which certificates to trust; a
build knows nothing of that. `access_files` gives it along as two files that only the first stage of the build
is shown: nothing of them is in the image, nor in its history. Files and folders of this machine
(``file:`` addresses, ``find-links``) are no use in a build and are left out.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

FOLDER = "access"
"""In the build context; the first stage has it at /access."""
CONFIG, CERTIFICATES = "pip.conf", "certificates.pem"
_NOTHING = "# Which package index to ask, as pip.conf has it. Only the first stage of the build sees it.\n"
_OPTIONS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")
_BUNDLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def no_access() -> dict[str, bytes]:
    """The files for a build that asks PyPI itself, such as one that is given away."""
    return {f"{FOLDER}/{CONFIG}": _NOTHING.encode()}


def access_files(environment: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """The files of the build context, by name: as pip on this machine is told to ask."""
    known = os.environ if environment is None else environment
    said = _said_in(_config_files(known))
    for option in (*_OPTIONS, "cert"):
        if value := known.get(f"PIP_{option.upper().replace('-', '_')}"):
            said[option] = value
    lines = [line for option in _OPTIONS if (line := _line(option, said.get(option, "")))]
    files = no_access()
    bundle = _bundle(said.get("cert"), known)
    if bundle is not None:
        files[f"{FOLDER}/{CERTIFICATES}"] = bundle
        lines.append(f"cert = /{FOLDER}/{CERTIFICATES}")
    if lines:
        files[f"{FOLDER}/{CONFIG}"] = ("[global]\n" + "\n".join(lines) + "\n").encode()
    return files


def _line(option: str, value: str) -> str:
    words = value.split()
    if option.endswith("index-url"):
        words = [word for word in words if word.startswith(("http://", "https://"))]
    return f"{option} = {' '.join(words)}" if words else ""


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
