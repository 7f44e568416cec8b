"""The Jupyter server's half of the JupyterLab extension: live services without a kernel.

    page --WebSocket--> channel --> feed --> engine of the workspace
                        routes: which addresses there are, all of them for authenticated users only

The page draws what a feed sends with the components of ``mlmagic/widgets/static``, which the server serves.
What a feed shows and does is what a card over a kernel shows and does (`mlmagic.widgets`). Nothing is kept
here: what is durable is in the workspace, and a page that connects again gets all of it.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "mlmagic.labserver"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Called by the Jupyter server as it starts; ``server`` is its `ServerApp`."""
    from mlmagic.labserver.routes import routes

    server.web_app.add_handlers(".*$", routes(server.web_app.settings["base_url"]))
