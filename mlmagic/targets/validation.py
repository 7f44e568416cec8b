"""Checks of a deployment configuration that several targets share."""

from __future__ import annotations

import socket

import mlmagic.scoring.http.allowed_hosts as allowed_hosts
import mlmagic.scoring.http.tls as tls
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.errors import InvalidConfig
from mlmagic.scoring.settings import InvalidSetting


def check_port(config: DeploymentConfig, host: str, current_port: int | None) -> None:
    """Raise `InvalidConfig` if another program uses the wanted port of this machine."""
    port = config.port
    if port is not None and port != current_port and not is_free(host, port):
        raise InvalidConfig(
            "port",
            port,
            "is in use on this machine",
            hint="Choose another port, or leave it out to get a free one.",
        )


def check_certificate(config: DeploymentConfig) -> None:
    """Raise `InvalidConfig` if the certificate or its key cannot be used."""
    try:
        tls.Certificate.of(config.ssl_cert_pem_file, config.ssl_key_pem_file)
    except tls.CannotEncrypt as error:
        raise InvalidConfig(
            "ssl_cert_pem_file", config.ssl_cert_pem_file, f"cannot be used: {error}", hint=error.hint
        ) from None


def check_allowed_hosts(config: DeploymentConfig) -> None:
    """Raise `InvalidConfig` unless the allowed hosts are a list of host names."""
    try:
        allowed_hosts.names_of(config.allowed_hosts)
    except InvalidSetting as error:
        raise InvalidConfig(
            "allowed_hosts", config.allowed_hosts, f"cannot be used: {error}", hint=error.hint
        ) from None


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen on the port; True if this user may not try."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return True  # the server reports the error when it starts
        except OSError:
            return False
    return True
