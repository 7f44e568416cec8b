"""Files that are replaced whole: whoever reads one sees all of it as it was, or all of it as it is."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from mlmagic.workspace.file_writing import with_remedy
from mlmagic.workspace.run_folders import draft_of

OWNER_ONLY = 0o600


def write_atomically(path: Path, text: str, *, mode: int = 0o666) -> None:
    """Make ``text`` the content of ``path``, in a folder that is there; with ``mode`` from the first moment.

    When this raises, ``path`` is what it was, and nothing is left beside it. Raises `WorkspaceUnavailable`,
    with what to do, if the disk is full.
    """
    draft = draft_of(path)
    try:
        with with_remedy(path.parent):
            with open(draft, "x", encoding="utf-8", opener=partial(os.open, mode=mode)) as file:
                file.write(text)
            draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
