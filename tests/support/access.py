"""Files of keys, as a service reads them."""

from __future__ import annotations

import json
import os


def write_keys(path, **record):
    """As whoever regenerates a key does: never half a file."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(record))
    os.replace(draft, path)
