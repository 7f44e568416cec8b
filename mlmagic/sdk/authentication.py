"""Azure ML v1's authentication classes. Their arguments have no effect.

A workspace is a folder or a database: access to it is access to the workspace. Only the REST endpoints of
published pipelines need more, and for them all classes give an access token of this machine's user.
"""

from __future__ import annotations

from typing import Any


class _UserAuthentication:
    def __init__(self, *args: Any, **more: Any) -> None:
        """All arguments are ignored."""

    def get_authentication_header(self) -> dict[str, str]:
        """The header of requests to the `endpoint` of a pipeline: a token that is valid for an hour."""
        from mlmagic.engine.pipeline_endpoints.pipeline_endpoints import authentication_header

        return authentication_header()


class InteractiveLoginAuthentication(_UserAuthentication):
    """A login in a browser; here the user of this machine."""


class ServicePrincipalAuthentication(_UserAuthentication):
    """A service principal with a secret; here the user of this machine."""


class MsiAuthentication(_UserAuthentication):
    """A managed identity; here the user of this machine."""


class AzureCliAuthentication(_UserAuthentication):
    """The login of the Azure command line; here the user of this machine."""
