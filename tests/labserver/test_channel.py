"""What a page gets over its connection, and what it can ask."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from websocket import create_connection

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.workspace.known_workspaces import remember
from mlmagic.workspace.location import Location
from tests.support.engines import script
from tests.support.jupyter_server import BASE, TOKEN, Server

pytestmark = pytest.mark.processes


class Page:
    """A page's end of the channel, and the values that it has been told."""

    def __init__(self, server: Server) -> None:
        self._socket = create_connection(
            f"ws://127.0.0.1:{server.port}{BASE}mlmagic/channel?token={TOKEN}", timeout=30
        )
        self.values: dict[int, dict[str, Any]] = {}

    def send(self, **message: Any) -> None:
        self._socket.send(json.dumps(message))

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message that is wanted."""
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv())
            self.values.setdefault(message["of"], {}).update(message.get("values", {}))
            if wanted(message):
                return message

    def until_values(self, number: int, **values: Any) -> None:
        def there(_message: object) -> bool:
            return values.items() <= self.values.get(number, {}).items()

        if not there({}):
            self.until(there)

    def call(self, number: int, verb: str, **values: Any) -> dict[str, Any]:
        self.send(of=number, call=7, verb=verb, values=values)
        return self.until(lambda message: message.get("call") == 7)

    def close(self) -> None:
        self._socket.close()
        self._socket.shutdown()  # if the server has closed it first, it is open here


@pytest.fixture
def page(server: Server) -> Iterator[Page]:
    with closing(Page(server)) as made:
        yield made


@pytest.fixture
def service(engine: Engine) -> Any:
    made = engine.services.deploy("wine", [], script(), DeploymentConfig(auth_enabled=True))
    engine.services.wait(made)
    return engine.services.get("wine")


def opening(location: Location, service: Any, **more: Any) -> dict[str, Any]:
    named = {"component": "service", "workspace": location.key, "service": service.name, "id": service.id}
    return {"open": 1, **named, **more}


def test_a_card_without_a_kernel(page: Page, location: Location, engine: Engine, service: Any) -> None:
    page.send(**opening(location, service))
    page.until_values(1, state="Healthy", name="wine", authentication="key")
    assert page.values[1]["offered"][:2] == ["update", "restart"]
    key = page.call(1, "key", which="Primary")["value"]
    assert key == engine.keys.get("wine")[0]
    assert key not in str(page.values), "a key is an answer, never a value"
    assert page.call(1, "send", body='{"data": 1}')["value"]["status"] == 200
    assert "Unknown action: 'other'" in page.call(1, "other")["error"]
    page.call(1, "stop")
    page.until_values(1, state="Stopped")
    engine.services.delete("wine")
    page.until_values(1, gone=True)


def test_the_services_of_a_workspace(page: Page, location: Location, engine: Engine, service: Any) -> None:
    page.send(open=4, component="services", workspace=location.key)
    page.until(lambda message: bool(page.values.get(4, {}).get("rows")))
    assert [row["name"] for row in page.values[4]["rows"]] == ["wine"]
    engine.services.delete("wine")
    page.until(lambda message: page.values[4]["rows"] == [])


def test_the_models_of_a_workspace(page: Page, location: Location, engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "model.txt"
    file.write_text("x")
    for name in ("iris", "wine"):
        engine.models.register(file, ModelDescription(name, tags={"area": "shop"}))
    page.send(open=5, component="models", workspace=location.key, filter={"name": "wine", "tags": ["area"]})
    page.until(lambda message: bool(page.values.get(5, {}).get("rows")))
    assert [row["model"] for row in page.values[5]["rows"]] == ["wine"]
    assert page.call(5, "details", model="wine:1")["value"]["files"] == [["model.txt", "1 B"]]
    page.call(5, "add_tag", model="wine:1", tag="stage=prod")
    page.until(lambda message: ["stage", "prod"] in page.values[5]["rows"][0]["tags"])


@pytest.mark.parametrize("wanted", [None, "text", [], {"name": 1, "tags": "x", "latest": "no", "other": 1}])
def test_a_filter_that_cannot_be_read_is_none(page: Page, location: Location, wanted: object) -> None:
    page.send(open=6, component="models", workspace=location.key, filter=wanted)
    page.until(lambda message: "rows" in page.values.get(6, {}))


def test_what_is_closed_is_silent(page: Page, location: Location, service: Any) -> None:
    page.send(**opening(location, service))
    page.until_values(1, state="Healthy")
    page.send(close=1)
    page.send(of=1, call=3, verb="stop")
    assert page.until(lambda message: "call" in message)["error"].startswith("It is not open any more")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"service": "other"}, "Service not found: 'other'"),
        ({"id": "other"}, "It was deleted; another service now has its name."),
        ({"workspace": "0" * 16}, "Workspace not found"),
        ({"workspace": "../../etc"}, "Workspace not found"),
        ({"workspace": None}, "Workspace not found"),
        ({"component": "other"}, "unknown component 'other'"),
    ],
)
def test_refused(page: Page, location: Location, service: Any, values: dict[str, Any], words: str) -> None:
    page.send(**{**opening(location, service), **values})
    assert words in page.until(lambda message: "refused" in message)["refused"]


@pytest.mark.parametrize("message", ["text", "[]", "{}", '{"open": "x"}', "[" * 100_000])
def test_what_is_no_message_ends_the_connection(server: Server, message: str) -> None:
    page = Page(server)
    page._socket.send(message)
    assert page._socket.recv() == ""
    page.close()


def test_a_workspace_that_was_opened_before_is_found(
    page: Page, server: Server, location: Location, make_other: Callable[[], Engine]
) -> None:
    other = make_other()
    remember(other.location)
    page.send(open=1, component="services", workspace=other.location.key)
    page.until_values(1, workspace_name="other")


@pytest.fixture
def make_other(server: Server) -> Iterator[Callable[[], Engine]]:
    made: list[Engine] = []

    def make() -> Engine:
        folder = server.root.parent / f"others-{len(list(server.root.parent.glob('others-*')))}" / "other"
        made.append(Engine(Location.of_folder(folder), use_daemon=False))
        return made[-1]

    yield make
    for engine in made:
        engine.close()
