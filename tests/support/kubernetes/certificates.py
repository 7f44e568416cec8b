"""The certificates of the tests' cluster: two authorities, and what they sign."""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.certificates import general_name


class Authority:
    """A certificate authority, with its files ``NAME.crt`` and ``NAME.key`` in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basic = x509.BasicConstraints(ca=True, path_length=None)
        signed = _builder(self._subject, self._subject, self._key.public_key()).add_extension(basic, True)
        _write(folder / f"{name}.crt", signed.sign(self._key, hashes.SHA256()))
        _write_key(folder / f"{name}.key", self._key)

    def sign(self, file: str, name: str, group: str = "", hosts: tuple[str, ...] = ()) -> None:
        """Write ``file.crt`` and ``file.key`` for a user or server ``name``, in ``group``, at ``hosts``."""
        key = ec.generate_private_key(ec.SECP256R1())
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
        subject = x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])
        uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = _builder(subject, self._subject, key.public_key()).add_extension(uses, False)
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([general_name(each) for each in hosts]), False
            )
        _write(self.folder / f"{file}.crt", builder.sign(self._key, hashes.SHA256()))
        _write_key(self.folder / f"{file}.key", key)


def write_signing_key(path: Path) -> None:
    """The key with which the cluster signs the tokens of service accounts."""
    _write_key(path, rsa.generate_private_key(65537, 2048))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=30))
    )


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    path.chmod(0o600)
