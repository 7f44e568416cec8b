"""The names in a workspace, for a shell that waits for them at each Tab.

They are read as plain rows: importing SQLAlchemy and opening the workspace takes four times as long. Nothing
is created or migrated.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from mlmagic.workspace.location import Location

_ASSETS = "SELECT DISTINCT name FROM assets WHERE kind = ? ORDER BY name"
QUERIES: Mapping[str, str] = {
    "services": "SELECT name FROM services ORDER BY name",
    "models": "SELECT name, version FROM models ORDER BY name, version",
    "revisions": "SELECT number FROM revisions WHERE service_id = (SELECT id FROM services WHERE name = ?)"
    " ORDER BY number",
    "subscriptions": "SELECT name FROM subscriptions ORDER BY name",
    "alert rules": "SELECT name FROM alert_rules ORDER BY name",
    "assets": _ASSETS,
}
_WAIT_SECONDS = 1.0


def listed_names(location: Location, what: str, *values: str) -> list[str]:
    """Names of ``services``, ``subscriptions``, ``alert rules`` or ``assets`` of a kind, ids of ``models``,
    or numbers of the ``revisions`` of a service. Empty where the database cannot be read.
    """
    query = QUERIES[what]
    try:
        if location.database_url.startswith("sqlite"):
            rows = _from_sqlite(location.folder / location.database_url.rpartition("/")[2], query, values)
        else:
            rows = _from_postgresql(location.database_url, query.replace("?", "%s"), values)
    except Exception:  # pressing Tab must not print an error, whatever a driver raises
        return []
    return [":".join(map(str, row)) for row in rows]


def _from_sqlite(path: Path, query: str, values: tuple[str, ...]) -> list[Any]:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS)) as connection:
        return connection.execute(query, values).fetchall()


def _from_postgresql(url: str, query: str, values: tuple[str, ...]) -> list[Any]:
    import psycopg

    plain = "postgresql://" + url.partition("://")[2]
    with psycopg.connect(plain, connect_timeout=2) as connection:
        return connection.execute(query, values).fetchall()
