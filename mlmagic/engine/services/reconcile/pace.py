"""Seconds until a service's next turn."""

from __future__ import annotations

AT_ONCE = 0.0
# The server rings when it is up or has failed; this is for targets whose servers cannot.
WHILE_STARTING = 0.25
# Whoever makes an environment rings when there is news.
WHILE_BUILDING = 0.5
WHILE_SERVING = 2.0
