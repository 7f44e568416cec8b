"""The addresses of the extension, below the server's ``base_url``.

mlmagic/components/*   GET: the components and their style sheet
mlmagic/workspaces     GET: the workspaces of this user, the one used by default first
mlmagic/metrics        GET: the metrics of a workspace, for Prometheus
mlmagic/targets        GET: the services of a workspace, for its HTTP service discovery
mlmagic/channel        WebSocket: see `channel`
"""

from __future__ import annotations

import json
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.ioloop import IOLoop

from mlmagic.labserver.channel import RESOURCE, Channel
from mlmagic.labserver.monitoring import Metrics, Targets
from mlmagic.widgets.component import STATIC, module, style
from mlmagic.workspace.known_workspaces import known

STYLE = "mlmagic.css"


class Workspaces(APIHandler):
    """The workspaces of this user, for the panel to choose from."""

    auth_resource = RESOURCE
    SUPPORTED_METHODS = ("GET",)

    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.check_xsrf_cookie()
        found = await IOLoop.current().run_in_executor(None, known)
        listed = [{"key": each.key, "name": each.name, "found_by": each.found_by} for each in found]
        self.finish(json.dumps({"workspaces": listed}))


class Components(APIHandler):
    """The modules of the components, each complete in itself, and the style sheet of all."""

    auth_resource = RESOURCE
    SUPPORTED_METHODS = ("GET",)

    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        self.check_xsrf_cookie()
        if name == STYLE:
            kind, text = "text/css", style()
        elif (STATIC / name).is_file():
            kind, text = "text/javascript", module(name.removesuffix(".js"))
        else:
            raise web.HTTPError(404, f"no component {name}")
        self.finish(text, set_content_type=f"{kind}; charset=UTF-8")


def routes(base_url: str) -> list[tuple[Any, ...]]:
    """The handlers for an application whose pages are below ``base_url``."""

    def below(*parts: str) -> str:
        return str(url_path_join(base_url, "mlmagic", *parts))

    return [
        (below("components", r"(\w+\.js|mlmagic\.css)"), Components),
        (below("workspaces"), Workspaces),
        (below("metrics"), Metrics),
        (below("targets"), Targets),
        (below("channel"), Channel),
    ]
