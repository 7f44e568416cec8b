"""What `mlmagic prometheus serve` serves, below the address of the Jupyter server and behind its login.

``?workspace=KEY`` chooses a workspace of this user; by default, it is the one that is used by default.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web
from tornado.ioloop import IOLoop

from mlmagic.engine.engine import Engine
from mlmagic.errors import MLMagicError, NotFound
from mlmagic.labserver.channel import RESOURCE
from mlmagic.workspace.known_workspaces import known, with_key

if TYPE_CHECKING:
    from mlmagic.engine.monitoring.monitoring import Monitoring


class Monitored(APIHandler):
    """A route that reads the monitoring of a workspace."""

    auth_resource = RESOURCE
    SUPPORTED_METHODS = ("GET",)

    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.check_xsrf_cookie()
        try:
            body, kind = await IOLoop.current().run_in_executor(None, self._read)
        except NotFound as error:
            raise web.HTTPError(404, str(error)) from error
        except MLMagicError as error:
            raise web.HTTPError(503, str(error)) from error
        self.finish(body, set_content_type=kind)

    def _read(self) -> tuple[bytes, str]:
        key = self.get_query_argument("workspace", "")
        return self.read(Engine.of(with_key(key) if key else known()[0]).monitoring)

    def read(self, monitoring: Monitoring) -> tuple[bytes, str]:
        """The body and its content type; called in a thread."""
        raise NotImplementedError


class Metrics(Monitored):
    """The metrics of the workspace."""

    def read(self, monitoring: Monitoring) -> tuple[bytes, str]:
        return monitoring.metrics().page(self.request.headers.get("Accept", ""))


class Targets(Monitored):
    """The services to scrape. `Metrics` needs a job of its own, as the services must not get the token."""

    def read(self, monitoring: Monitoring) -> tuple[bytes, str]:
        found = monitoring.targets(caller=self.request.remote_ip or "")
        return json.dumps(found).encode(), "application/json"
