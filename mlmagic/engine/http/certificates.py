"""Certificate pinning: a service must show exactly its own certificate, whatever its issuer and host name.

A service on this machine is called at 127.0.0.1, which no certificate names, and often has a self-signed
certificate. Comparing it with the owner's file is stricter than a check by a certificate authority.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from functools import cache
from pathlib import Path

_FIRST = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class Trust:
    """The certificates accepted for one file: its current certificate and the one before a renewal."""

    def __init__(self, cert_file: str) -> None:
        self.cert_file = cert_file
        self._seen: list[str] = []

    def fingerprints(self) -> list[str]:
        """The SHA-256 fingerprints in hexadecimal, the current one first."""
        try:
            found = _FIRST.search(Path(self.cert_file).read_bytes())
        except OSError:  # it is being renewed
            found = None
        if found:
            newest = fingerprint(ssl.PEM_cert_to_DER_cert(found[0].decode("latin-1")))
            # A server may notice a renewal a little later than this process.
            self._seen = list(dict.fromkeys([newest, *self._seen]))[:2]
        return self._seen


@cache
def trust_in(cert_file: str) -> Trust:
    """The `Trust` of a file, one for each process, so that it keeps the former certificate."""
    return Trust(cert_file)


def fingerprint(der: bytes) -> str:
    """The SHA-256 fingerprint of a certificate in DER form."""
    return hashlib.sha256(der).hexdigest()
