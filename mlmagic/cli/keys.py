"""The keys of a service: ``mlmagic service get-keys``, ``regen-key`` and ``get-access-token``."""

from __future__ import annotations

import click

from mlmagic.cli.base import Command, engine, option, service_name
from mlmagic.cli.output import output, show


@click.command("get-keys", cls=Command)
@service_name
@output()
def service_keys(name: str, form: str) -> None:
    """Print the two keys of a service.

    \b
    Example:
      mlmagic service get-keys -n diabetes-svc
    """
    with engine() as opened:
        _show_keys(opened.keys.get(name), form)


@click.command("regen-key", cls=Command)
@service_name
@option("-k", "--key", "which", required=True, metavar="Primary|Secondary", help="The key to replace.")
@option("-s", "--set-key", metavar="KEY", help="The new key. Default: a generated key.")
@output()
def regenerate_key(name: str, which: str, set_key: str | None, form: str) -> None:
    """Replace one of the two keys of a service. The other key stays valid.

    \b
    Example:
      mlmagic service regen-key -n diabetes-svc -k Primary
    """
    with engine() as opened:
        _show_keys(opened.keys.regenerate(name, which, set_key), form)


@click.command("get-access-token", cls=Command)
@service_name
@output()
def service_access_token(name: str, form: str) -> None:
    """Print an access token for a service, and the time to refresh it.

    \b
    Example:
      mlmagic service get-access-token -n diabetes-svc
    """
    with engine() as opened:
        token = opened.keys.access_token(name)
    record = {
        "accessToken": token.access_token,
        "tokenType": token.token_type,
        "refreshAfter": token.refresh_after.isoformat(),
        "expiryOn": token.expiry_on.isoformat(),
    }
    show(record, form)


def _show_keys(keys: tuple[str, str], form: str) -> None:
    show({"primaryKey": keys[0], "secondaryKey": keys[1]}, form)
