"""Which certificate a service may show: exactly the one it was given, whoever signed it, for whatever host.

A service on this machine is reached as 127.0.0.1, which no certificate names, and often signs its certificate
itself. Its owner's file says what it must be, which is more than an authority could say.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from functools import cache
from pathlib import Path

_FIRST = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class Trust:
    """Trust in the certificate in a file; a renewed one and the one before it are both good."""

    def __init__(self, cert_file: str) -> None:
        self.cert_file = cert_file
        self._seen: list[str] = []

    def fingerprints(self) -> list[str]:
        """SHA-256 in hexadecimal, the file's present one first."""
        try:
            found = _FIRST.search(Path(self.cert_file).read_bytes())
        except OSError:  # it is being renewed
            found = None
        if found:
            newest = fingerprint(ssl.PEM_cert_to_DER_cert(found[0].decode("latin-1")))
            # A server notices a renewal a little later than we do.
            self._seen = list(dict.fromkeys([newest, *self._seen]))[:2]
        return self._seen


@cache
def trust_in(cert_file: str) -> Trust:
    """This process's trust in a file, which remembers."""
    return Trust(cert_file)


def fingerprint(der: bytes) -> str:
    """Of a certificate in DER form."""
    return hashlib.sha256(der).hexdigest()
