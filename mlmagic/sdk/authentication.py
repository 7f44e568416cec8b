"""Azure ML v1's authentication classes. They are accepted and have no effect.

A workspace is a folder or a database: access to it is access to the workspace.
"""

from __future__ import annotations

from typing import Any


class _NoAuthentication:
    def __init__(self, *args: Any, **more: Any) -> None:
        """All arguments are ignored."""

    def get_authentication_header(self) -> dict[str, str]:
        """Always empty."""
        return {}


class InteractiveLoginAuthentication(_NoAuthentication):
    """A login in a browser; no effect."""


class ServicePrincipalAuthentication(_NoAuthentication):
    """A service principal with a secret; no effect."""


class MsiAuthentication(_NoAuthentication):
    """A managed identity; no effect."""


class AzureCliAuthentication(_NoAuthentication):
    """The login of the Azure command line; no effect."""
