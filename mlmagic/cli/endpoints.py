"""``mlmagic endpoint realtime``: services under the name that ``az ml`` v1 had for services with versions.

An endpoint has the commands of a service; its versions need a Kubernetes cluster.
"""

from __future__ import annotations

from typing import Any

import click

from mlmagic.cli.base import Commands, option
from mlmagic.cli.keys import regenerate_key, service_access_token, service_keys
from mlmagic.cli.services import service

_AS_SERVICES = ("list", "show", "run", "logs", "get-logs", "delete", "update")


@click.group(cls=Commands)
def endpoint() -> None:
    """Endpoints: services, and their versions in a cluster."""


@endpoint.group(cls=Commands)
def realtime() -> None:
    """Endpoints for real-time scoring."""


for _name in _AS_SERVICES:
    realtime.add_command(service.commands[_name])
for _command in (service_keys, regenerate_key, service_access_token):
    realtime.add_command(_command)


def _of_versions(verb: str, what: str) -> None:
    # No target has versions, so the other options are ignored.
    @realtime.command(
        f"{verb}-version",
        help=f"{what} a version of an endpoint (needs a Kubernetes cluster).\n\n\b\nExample:\n"
        f"  mlmagic endpoint realtime {verb}-version -n diabetes-svc --vn blue",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    @option("-n", "--name", required=True, help="The endpoint.")
    @option("--vn", "--version-name", "version", required=True, help="The version.")
    def command(name: str, version: str, **_: Any) -> None:
        from mlmagic.sdk.aks_endpoint import versions_missing

        raise versions_missing()


for _verb, _what in (("create", "Add"), ("update", "Change"), ("delete", "Remove")):
    _of_versions(_verb, _what)
