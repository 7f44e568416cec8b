"""TLS: a certificate and its key from two PEM files, loaded again when they are renewed."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path

from mlmagic.scoring.start_errors import StartFailed
from mlmagic.scoring.watched_files import WatchedFiles

LOOK_S = 1.0
"""How often the files are checked for changes."""
HANDSHAKE_S = 10.0
"""How long a client may take for its part of the handshake."""

_FIXES = {
    "KEY_VALUES_MISMATCH": "Give the private key that belongs to the certificate.",
    "KEY_TYPE_MISMATCH": "Give the private key that belongs to the certificate.",
    "EE_KEY_TOO_SMALL": "Create a key of 2048 bits or more.",
}


class CannotEncrypt(StartFailed):
    """The certificate or its key cannot be used."""

    phase = "tls"


class _Encrypted(Exception):
    """The key needs a password."""


class Certificate:
    """A certificate (with its chain) and its key, and the `context` in which connections use them."""

    def __init__(self, cert_file: Path, key_file: Path) -> None:
        """Raises `CannotEncrypt`."""
        self.cert_file, self.key_file = cert_file, key_file
        self._watched = WatchedFiles(cert_file, key_file)
        self.context = load(cert_file, key_file)

    @classmethod
    def of(cls, cert_file: str | None, key_file: str | None) -> Certificate | None:
        """From the options of a server; None without TLS. Raises `CannotEncrypt`."""
        if not cert_file and not key_file:
            return None
        if not cert_file or not key_file:
            raise CannotEncrypt(
                f"{cert_file or key_file} is only a {'certificate' if cert_file else 'key'}",
                hint="Give both: the certificate (ssl_cert_pem_file) and its key (ssl_key_pem_file).",
            )
        return cls(Path(cert_file).absolute(), Path(key_file).absolute())

    def renew(self) -> None:
        """Use the files' present contents from the next handshake on, if they have changed.

        A file that cannot be used is logged, and the previous certificate stays.
        """
        if not self._watched.changed():
            return
        try:
            # On the side first: a context that has taken a certificate and not its key serves nobody.
            load(self.cert_file, self.key_file)
            self.context.load_cert_chain(self.cert_file, self.key_file, _no_password)
        except (CannotEncrypt, OSError, _Encrypted) as error:
            _say(f"{error}; the previous certificate stays in use")
        else:
            _say(f"certificate {self.cert_file} was renewed")


def load(cert_file: Path, key_file: Path) -> ssl.SSLContext:
    """A server's context. Raises `CannotEncrypt`, which names the file."""
    for what, path in (("certificate", cert_file), ("key", key_file)):
        try:
            text = path.read_bytes()
        except OSError as error:
            raise CannotEncrypt(
                f"{what} {path}: {error.strerror}", hint="Give a PEM file that the server can read."
            ) from None
        if b"-----BEGIN " not in text:
            raise CannotEncrypt(f"{what} {path} is not in PEM format", hint="A PEM file contains -----BEGIN.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert_file, key_file, _no_password)
    except _Encrypted:
        raise CannotEncrypt(
            f"key {key_file} is encrypted",
            hint=f"Decrypt it, for the server has no password: openssl pkey -in {key_file} -out plain.pem",
        ) from None
    except ssl.SSLError as error:
        reason = error.reason or "it holds no certificate, or no key"
        raise CannotEncrypt(
            f"certificate {cert_file} and key {key_file} cannot be used: {reason}",
            hint=_FIXES.get(reason, "Give a certificate in PEM format and its private key."),
        ) from None
    return context


def _no_password() -> str:
    # Without this OpenSSL would ask at the terminal, and wait.
    raise _Encrypted


def _say(text: str) -> None:
    print(f"mlmagic: {text}", file=sys.stderr, flush=True)
