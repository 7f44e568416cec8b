"""``GET /metrics`` of a service or a router: figures as JSON for the engine, else text for Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import Response
from mlmagic.scoring.metrics import Counters, Exposition
from mlmagic.scoring.outputs.json_encoder import JSON


class MetricsRoute:
    """Answers with the metrics of one server."""

    def __init__(self, counters: Counters, figures: Callable[[], Mapping[str, Any]]) -> None:
        """``figures`` are those of the whole server, as JSON values."""
        self._counters, self._figures = counters, figures
        self._exposition: Exposition | None = None

    def answer(self, request: Request, reply: Callable[[Response], None]) -> None:
        """Call ``reply`` once, now or later."""
        accept = request.fields.get(b"accept", b"").decode("latin-1")
        if accept == JSON:  # the engine requests it every few seconds: it must be cheap
            reply(Response(200, orjson.dumps(self._figures())))
            return
        if self._exposition is not None:
            reply(Response(200, *self._exposition.page(accept)))
            return

        def created(exposition: asyncio.Future[Exposition]) -> None:
            try:
                self._exposition = exposition.result()
            except ImportError as error:
                reply(Response.message(501, f"This service has no metrics: {error}."))
            else:
                reply(Response(200, *self._exposition.page(accept)))

        work = asyncio.get_running_loop().run_in_executor(None, Exposition, self._counters)
        work.add_done_callback(created)
