"""The connection of one page: what it has opened, and their values and answers as they come.

Messages are JSON objects; ``of`` is a number that the page gives to what it opens.

    page:   {"open": 1, "component": "service", "workspace": KEY, "service": NAME, "id": ID, "notebook": PATH}
            {"of": 1, "call": 7, "verb": "stop", "values": {}}
            {"close": 1}
    server: {"of": 1, "values": {...}}                  all at first, then those that change
            {"of": 1, "call": 7, "value": ...}          or "error": text
            {"of": 1, "refused": text}                  it cannot be opened
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from mlmagic.labserver.feed import Feed
from mlmagic.widgets.background import reported

RESOURCE = "mlmagic"
"""What the server's authorizer is asked for: ``execute`` on it for the channel, ``read`` for the rest."""
MOST_OPEN = 500
"""Components that one page may have open."""
MOST_BYTES = 1 << 20
"""Of a message from the page: a request that is tried is the largest."""

log = logging.getLogger(__name__)
_threads = ThreadPoolExecutor(8, thread_name_prefix="mlmagic-labserver")


class Channel(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """One page's connection. What a page has opened is closed with it."""

    auth_resource = RESOURCE

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        if not await ensure_async(
            self.authorizer.is_authorized(self, self.current_user, "execute", RESOURCE)
        ):
            raise web.HTTPError(403)
        await super().get(*args, **kwargs)

    @property
    def max_message_size(self) -> int:
        return MOST_BYTES

    def open(self, *args: Any, **kwargs: Any) -> None:
        super().open(*args, **kwargs)
        self._loop = asyncio.get_running_loop()
        self._feeds: dict[int, Feed | None] = {}
        """None while one is being opened."""
        self._changed: dict[int, dict[str, Any]] = {}
        """Values that are still to be sent: a slow page gets the newest only."""
        self._something = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sender = self._start(self._send_changes())

    async def on_message(self, message: str | bytes) -> None:
        try:
            told = json.loads(message)
            number = int(told.get("open", told.get("close", told.get("of"))))
        except (ValueError, TypeError, AttributeError, RecursionError):
            self.close(1003, "not a message of mlmagic")
            return
        if "open" in told:
            self._start(self._begin(number, told))
        elif "close" in told:
            await self._end(number)
        else:
            self._start(self._answer(number, told))

    def on_close(self) -> None:
        super().on_close()
        self._sender.cancel()
        for feed in self._feeds.values():
            if feed is not None:
                _threads.submit(feed.close)
        self._feeds.clear()

    async def _begin(self, number: int, wanted: Mapping[str, Any]) -> None:
        if number in self._feeds or len(self._feeds) >= MOST_OPEN:
            await self._send(number, {"refused": f"This page has {MOST_OPEN} cards open. Close some."})
            return
        self._feeds[number] = None

        def changed(values: dict[str, Any]) -> None:
            self._loop.call_soon_threadsafe(self._take, number, values)

        try:
            feed = await self._aside(Feed, wanted, self._folder_of(wanted.get("notebook")), changed)
        except Exception as error:
            self._feeds.pop(number, None)
            await self._send(number, {"refused": reported("Opening", error)})
            return
        if number in self._feeds:
            self._feeds[number] = feed
            self._take(number, feed.values())
        else:  # closed meanwhile
            await self._aside(feed.close)

    async def _end(self, number: int) -> None:
        feed = self._feeds.pop(number, None)
        self._changed.pop(number, None)
        if feed is not None:
            await self._aside(feed.close)

    async def _answer(self, number: int, told: Mapping[str, Any]) -> None:
        feed = self._feeds.get(number)
        if feed is None:
            answer: dict[str, Any] = {"error": "It is not open any more. Load the page again."}
        else:
            answer = await self._aside(feed.call, told.get("verb"), told.get("values") or {})
        await self._send(number, {"call": told.get("call"), **answer})

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the event loop alone would not keep it
        task.add_done_callback(self._tasks.discard)
        return task

    def _take(self, number: int, values: dict[str, Any]) -> None:
        if self._feeds.get(number) is not None:  # the first message has all values, and calls are answered
            self._changed.setdefault(number, {}).update(values)
            self._something.set()

    async def _send_changes(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            changed, self._changed = self._changed, {}
            for number, values in changed.items():
                await self._send(number, {"values": values})

    async def _send(self, number: int, values: Mapping[str, Any]) -> None:
        try:
            await self.write_message(json.dumps({"of": number, **values}))
        except WebSocketClosedError:
            log.debug("the page has gone")

    async def _aside(self, function: Any, *arguments: Any) -> Any:
        return await self._loop.run_in_executor(_threads, function, *arguments)

    def _folder_of(self, notebook: object) -> Path | None:
        """The folder of a notebook of this server: a workspace may be named in a file there."""
        root = Path(self.settings["server_root_dir"]).expanduser().resolve()
        if not isinstance(notebook, str):
            return None
        folder = (root / notebook).resolve().parent
        return folder if folder.is_relative_to(root) else None
