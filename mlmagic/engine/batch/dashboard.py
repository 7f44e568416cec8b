"""Dask's dashboard, which is loaded when somebody opens it: that takes longer than many a job."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler

if TYPE_CHECKING:
    from distributed import Scheduler

_MODULE = "distributed.dashboard.scheduler"


class _Loader(RequestHandler):
    """Loads the dashboard, which answers from then on, and sends the browser there again."""

    def initialize(self, scheduler: Scheduler) -> None:
        """Called by tornado."""
        self._scheduler = scheduler

    async def get(self) -> None:
        """The first request for a page of the dashboard."""
        dashboard: Any = await IOLoop.current().run_in_executor(None, importlib.import_module, _MODULE)
        scheduler, own = self._scheduler, self.application
        if own in scheduler.http_application.applications:  # else another request has loaded it meanwhile
            scheduler.http_application.applications.remove(own)
            dashboard.connect(scheduler.http_application, scheduler.http_server, scheduler)
        self.redirect(str(self.request.uri))


def offer(scheduler: Scheduler) -> str:
    """Have this scheduler load its dashboard when it is asked for; returns its address, if bokeh is there."""
    if importlib.util.find_spec("bokeh") is None:
        return ""
    pages = r"/(?:status|workers|tasks|system|profile|graph|groups|individual-.*)?"
    scheduler.http_application.add_application(Application([(pages, _Loader, {"scheduler": scheduler})]))
    server: Any = scheduler.http_server
    return f"http://127.0.0.1:{server.port}/status"
