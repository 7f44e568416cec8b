"""Leases: which process is responsible for a row. A lease of a process that has ended is free."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection

from mlmagic.workspace.database import now
from mlmagic.workspace.identity import ProcessIdentity

LEASE_SECONDS = 15.0
LONGEST_SECONDS = 60.0
"""No lease is given for longer."""
_ANY_TIME_SINCE_1970 = 1e9


def clock(tx: Connection) -> float:
    """The time by which leases are given and end, the same for all users of this database.

    For SQLite, whose users are on one machine, it is the time since the boot: nobody can set it. A lease that
    was written before the last boot, or by the clock of an earlier version, does not look valid by it:
    see `is_over`.
    """
    if tx.dialect.name != "sqlite":
        return now(tx)
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def is_over(until: float, now: float) -> bool:
    """Whether a lease ``until`` then has ended, at ``now`` of the `clock`.

    By the time since the boot, a lease that ends too far ahead was written before the boot or by another
    version. A server's clock may be set back, and its leases are then only longer.
    """
    counted_from_boot = now < _ANY_TIME_SINCE_1970
    return until < now or (counted_from_boot and until > now + LONGEST_SECONDS)


def seconds_over(until: float, now: float) -> float:
    """For how long a lease has been over; 0 while it holds. One from before the boot counts from the boot."""
    if not is_over(until, now):
        return 0.0
    return now - until if until < now else now


def is_free(row: Any, me: str, now: float) -> bool:
    """Whether ``me`` (a `ProcessIdentity.mark`) may take or renew the lease of a row, by the `clock`.

    Only processes of its ``machine`` may, if the row has one.
    """
    bound_to = getattr(row, "machine", None)
    if bound_to is not None and bound_to != _machine_of(me):
        return False
    if row.lease_holder is None or row.lease_holder == me or is_over(row.lease_until, now):
        return True
    holder = ProcessIdentity.owner_of(row.lease_holder)
    return holder is None or holder.dead


def _machine_of(mark: str) -> str | None:
    owner = ProcessIdentity.owner_of(mark)
    return owner.host if owner else None
