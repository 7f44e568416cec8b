"""A script with its model, called in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mlmagic.scoring.answers import encode
from mlmagic.scoring.http.request import BadInput, Request
from mlmagic.scoring.script import UserScript

ONE = "from mlmagic.scoring.frameworks.{} import init, run\n"


class Served:
    """A script with its model loaded."""

    def __init__(self, script: UserScript) -> None:
        self.script = script

    def ask(self, body: Any) -> Any:
        """The answer as a client reads it; of a refusal, its words."""
        request = Request(b"POST", b"/score", {}, json.dumps(body).encode())
        try:
            return json.loads(encode(self.script.call(request)))
        except BadInput as error:
            return f"{error.status}: {error}"

    def describe(self) -> dict[str, Any]:
        assert self.script.schema is not None
        return self.script.schema.describe()


Serve = Callable[..., Served]
