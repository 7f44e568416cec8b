"""``python -m mlmagic.engine.pipeline_endpoints``: the server of published pipelines, as a process.

The supervisor daemon starts it, with the workspace as JSON in an environment variable. It ends when it is not
wanted any more, or when the workspace was deleted; the runs that it has started go on.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
import time
from http.server import ThreadingHTTPServer

from mlmagic.engine.pipeline_endpoints.server import listen
from mlmagic.engine.pipeline_endpoints.submissions import LOCATION_VARIABLE, Submissions
from mlmagic.errors import MLMagicError
from mlmagic.scoring.authentication import Authenticator
from mlmagic.scoring.process_title import show_as
from mlmagic.workspace.location import Location
from mlmagic.workspace.login import login_file
from mlmagic.workspace.pipeline_server import PipelineServerFiles

PORT_SECONDS = 3.0
"""So long a port that is in use is tried again: another program may have it for a moment."""
_LOOK_SECONDS = 1.0
_PAUSE_SECONDS = 0.1

log = logging.getLogger(__name__)


def serve(location: Location) -> None:
    """Serve until the server is not wanted any more; returns at once if there is one already."""
    files = PipelineServerFiles(location.folder)
    with files.lock() as free:
        module = files.module()
        if not free or module is None:
            return
        submissions = Submissions(location, module)
        before = files.address()
        with _bound(submissions, before.port if before else 0) as server:
            files.write_address(server.server_port)
            threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
            while files.module() == module:
                time.sleep(_LOOK_SECONDS)
                submissions.reap()
            server.shutdown()


def _bound(submissions: Submissions, port: int) -> ThreadingHTTPServer:
    """The server on ``port``, or on a free one if another program keeps that."""
    authenticator = Authenticator(login_file())
    until = time.monotonic() + PORT_SECONDS
    while True:
        try:
            return listen(submissions, authenticator, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not port:
                raise
        if time.monotonic() > until:
            log.warning("port %d is in use by another program: the URLs of pipelines change", port)
            port = 0
        time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
    place = Location.from_json(os.environ.pop(LOCATION_VARIABLE))
    show_as(f"mlmagic pipelines of workspace {place.name}", "mlmagic.engine.pipeline_endpoints")
    try:
        serve(place)
    except (MLMagicError, OSError) as error:
        sys.exit(f"the server of published pipelines cannot start: {error}")
