"""The login of a user of this machine: a file with the secret that signs access tokens.

Code for Azure ML v1 gets the header of a request without naming a workspace, so the secret is one for all
workspaces of the user. Whoever can read the file can act as the user: only the owner may.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from functools import partial
from pathlib import Path

from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace.atomic_writes import OWNER_ONLY
from mlmagic.workspace.location import user_folder
from mlmagic.workspace.run_folders import draft_of

SERVICE = "mlmagic-pipelines"
"""What the tokens are for: a token of a service is signed with another secret, and has another subject."""
_FILE = "login.json"
_SECRET_BYTES = 32


def login_file() -> Path:
    """The file with the secret, in the form that `mlmagic.scoring.authentication` reads; created if missing.

    Raises `WorkspaceUnavailable` if it cannot be created, or if other users may read it.
    """
    path = user_folder().parent / _FILE
    try:
        if not path.exists():
            _create(path)
        mode = path.stat().st_mode
    except OSError as error:
        raise WorkspaceUnavailable(
            f"the file {path}, which signs access tokens, cannot be created: {error.strerror}",
            hint="Check that its folder is one that you may write to.",
        ) from error
    if mode & 0o077:
        raise WorkspaceUnavailable(
            f"other users of this machine can read {path}, which signs access tokens",
            hint=f"Delete it, so that a new one is created: rm {path}",
        )
    return path


def login_secret() -> str:
    """The secret that signs access tokens."""
    return str(json.loads(login_file().read_text(encoding="utf-8"))["token_secret"])


def _create(path: Path) -> None:
    """Create the file. Of the processes that do so at once, the first one's file stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    record = {"token_secret": secrets.token_hex(_SECRET_BYTES), "service": SERVICE}
    draft = draft_of(path)
    try:
        with open(draft, "x", encoding="utf-8", opener=partial(os.open, mode=OWNER_ONLY)) as file:
            json.dump(record, file)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
