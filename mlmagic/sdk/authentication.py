"""Who asks, as code of the first SDK says it; here nobody asks who that is.

A workspace here is a folder or a database of the user's own: whoever may open it, may use it.
"""

from __future__ import annotations

from typing import Any


class _Nobody:
    def __init__(self, *args: Any, **more: Any) -> None:
        """Whatever is given is not looked at, and not kept."""

    def get_authentication_header(self) -> dict[str, str]:
        """Nothing."""
        return {}


class InteractiveLoginAuthentication(_Nobody):
    """A person at a browser."""


class ServicePrincipalAuthentication(_Nobody):
    """A program with a secret."""


class MsiAuthentication(_Nobody):
    """A machine with an identity."""


class AzureCliAuthentication(_Nobody):
    """Whoever is logged in to the command line."""
