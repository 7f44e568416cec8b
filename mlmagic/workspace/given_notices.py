"""Remembers what this user was told, so that another process does not say it again.

Each is an empty file in a folder of the user, called after a hash of what was told.
"""

from __future__ import annotations

from hashlib import sha256

from mlmagic.workspace.location import user_folder

_FOLDER = "told"


def is_first_time(*what: str) -> bool:
    """Whether this user has not been told ``what`` before; from now on, they have. True without a folder."""
    name = sha256("\0".join(what).encode()).hexdigest()[:32]
    try:
        folder = user_folder().parent / _FOLDER
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:
        return True
    return True
