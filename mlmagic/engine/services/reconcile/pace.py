"""Seconds until the next reconciliation step of a service."""

from __future__ import annotations

AT_ONCE = 0.0
# A server sends a wake-up signal when it is up or has failed; this is for targets whose servers cannot.
WHILE_STARTING = 0.25
# A build sends a wake-up signal when there is news.
WHILE_BUILDING = 0.5
WHILE_SERVING = 2.0
