"""Certificates: which are taken, and how they are renewed."""

import ssl

import pytest

from mlmagic.scoring.http.tls import CannotEncrypt, Certificate
from tests.support.certificates import write_certificate


@pytest.fixture
def files(tmp_path):
    pair = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_certificate(*pair)
    return pair


def presented(context):
    """The certificate (DER) that a client is shown."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    ends = [ssl.MemoryBIO() for _ in range(2)]
    server_side = context.wrap_bio(ends[0], ends[1], server_side=True)
    client_side = client.wrap_bio(ends[1], ends[0])
    for side in (client_side, server_side, client_side):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client_side.getpeercert(binary_form=True)


def der(cert_file):
    return ssl.PEM_cert_to_DER_cert(cert_file.read_text())


def test_a_certificate_is_used_and_renewed(files, capsys):
    certificate = Certificate.of(str(files[0]), str(files[1]))
    assert certificate.context.minimum_version is ssl.TLSVersion.TLSv1_2
    first = der(files[0])
    assert presented(certificate.context) == first
    certificate.renew()
    assert capsys.readouterr().err == ""
    write_certificate(*files)
    certificate.renew()
    assert presented(certificate.context) == der(files[0]) != first
    assert f"certificate {files[0]} was renewed" in capsys.readouterr().err


def test_a_broken_renewal_keeps_the_certificate(files, tmp_path, capsys):
    certificate = Certificate.of(str(files[0]), str(files[1]))
    first = der(files[0])
    write_certificate(files[0], tmp_path / "other.pem")  # the key is still the old one's
    certificate.renew()
    assert presented(certificate.context) == first
    said = capsys.readouterr().err
    assert "KEY_VALUES_MISMATCH; the certificate before it stays in use" in said
    certificate.renew()
    assert capsys.readouterr().err == ""  # told once
    files[0].unlink()
    certificate.renew()
    assert "No such file" in capsys.readouterr().err
    assert presented(certificate.context) == first
    write_certificate(*files)
    certificate.renew()
    assert presented(certificate.context) == der(files[0])


def _missing(cert, key):
    key.unlink()


def _other_key(cert, key):
    write_certificate(cert, key.with_name("other.pem"))


def _encrypted(cert, key):
    write_certificate(cert, key, password=b"secret")


def _no_pem(cert, key):
    cert.write_bytes(der(cert))


def _no_certificate(cert, key):
    cert.write_bytes(key.read_bytes())


def _cut_off(cert, key):
    key.write_text(key.read_text()[:80])


@pytest.mark.parametrize(
    ("spoil", "named", "words", "fix"),
    [
        (_missing, 1, "No such file", "Name a PEM file"),
        (_other_key, 1, "KEY_VALUES_MISMATCH", "the certificate was made with"),
        (_encrypted, 1, "is encrypted", "openssl pkey -in"),
        (_no_pem, 0, "is not in PEM form", "-----BEGIN"),
        (_no_certificate, 0, "cannot be used", "in PEM form"),
        (_cut_off, 1, "cannot be used", "in PEM form"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_fix(files, spoil, named, words, fix):
    spoil(*files)
    with pytest.raises(CannotEncrypt, match=words) as caught:
        Certificate.of(str(files[0]), str(files[1]))
    record = caught.value.record()
    assert str(files[named]) in record["message"]
    assert fix in record["hint"]
    assert record["phase"] == "tls"


def test_one_file_without_the_other(files):
    assert Certificate.of(None, "") is None
    with pytest.raises(CannotEncrypt, match=r"cert\.pem is only a certificate"):
        Certificate.of(str(files[0]), None)
    with pytest.raises(CannotEncrypt, match=r"key\.pem is only a key"):
        Certificate.of(None, str(files[1]))
