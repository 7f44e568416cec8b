"""Leases: which process is responsible for a row. A lease of a process that has ended is free."""

from __future__ import annotations

from typing import Any

from mlmagic.workspace.identity import ProcessIdentity

LEASE_SECONDS = 15.0


def is_free(row: Any, me: str, now: float) -> bool:
    """Whether ``me`` (a `ProcessIdentity.mark`) may take or renew the lease of a row.

    Only processes of its ``machine`` may, if the row has one.
    """
    bound_to = getattr(row, "machine", None)
    if bound_to is not None and bound_to != _machine_of(me):
        return False
    if row.lease_holder is None or row.lease_holder == me or row.lease_until < now:
        return True
    holder = ProcessIdentity.owner_of(row.lease_holder)
    return holder is None or holder.dead


def _machine_of(mark: str) -> str | None:
    owner = ProcessIdentity.owner_of(mark)
    return owner.host if owner else None
