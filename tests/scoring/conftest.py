"""Scripts to serve, and a service in this process."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlmagic.scoring.calls.scorer import Scorer
from mlmagic.scoring.calls.script_thread import ScriptThread
from mlmagic.scoring.collection.collection import close_collection
from mlmagic.scoring.http.body_budget import BUDGET
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import Renderer
from mlmagic.scoring.limits import Limits
from mlmagic.scoring.openapi.swagger import Swagger
from mlmagic.scoring.report import prepare
from mlmagic.scoring.script import UserScript
from mlmagic.scoring.service import Service
from tests.support.serving import SCRIPTS

from .running import Running
from .wire import Wire


@pytest.fixture(autouse=True)
def modules() -> Iterator[None]:
    """Scripts that a test loads are forgotten afterwards."""
    before = len(sys.modules)
    yield
    if len(sys.modules) != before:
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "")).startswith(str(SCRIPTS)):
                del sys.modules[name]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Each test that collects data has a collection of its own, with the variables that it sets."""
    yield
    close_collection()


@pytest.fixture
def make_script(tmp_path: Path) -> Callable[[str], UserScript]:
    """A script from the body of a module; init() is added if it is not there."""

    def make(text: str) -> UserScript:
        path = tmp_path / "score.py"
        path.write_text(text if "def init" in text else f"def init(): pass\n{text}")
        sys.modules.pop("score", None)
        return UserScript.load(path)

    return make


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def make_scorer(loop: asyncio.AbstractEventLoop) -> Iterator[Callable[..., Scorer]]:
    """Scorers of scripts, whose calls are made by the thread that runs the test."""
    made = []

    def make(script: UserScript, **options: Any) -> Scorer:
        made.append(Scorer(script, ScriptThread(loop), **options))
        return made[-1]

    yield make
    for scorer in made:
        scorer.close()


@pytest.fixture
def service(make_scorer: Callable[..., Scorer], make_script: Callable[[str], UserScript]) -> Service:
    """Echoes the body."""
    return Service(make_scorer(make_script("def run(data): return data")), Swagger(Path("/nowhere"), {}))


@pytest.fixture
def small_bodies() -> Iterator[Callable[..., None]]:
    """Sets the limits of bodies in this process: ``small_bodies(each, together)``."""

    def limit(each: int, together: int = 10**9) -> None:
        BUDGET.set(Limits(body_bytes=each, bodies_bytes=together))

    yield limit
    BUDGET.set(Limits())


@pytest.fixture
def wire(service: Service, loop: asyncio.AbstractEventLoop) -> Iterator[Wire]:
    wire = Wire(service, loop)
    yield wire
    wire.connection.connection_lost(None)


@pytest.fixture
def wire_to(
    make_scorer: Callable[..., Scorer], loop: asyncio.AbstractEventLoop
) -> Iterator[Callable[[UserScript], Wire]]:
    """Connections to scripts."""
    made = []

    def connect(script: UserScript) -> Wire:
        made.append(Wire(Service(make_scorer(script), Swagger(Path("/nowhere"), {})), loop))
        return made[-1]

    yield connect
    for wire in made:
        wire.connection.connection_lost(None)


@pytest.fixture
def ask(
    make_scorer: Callable[..., Scorer], loop: asyncio.AbstractEventLoop
) -> Callable[..., SimpleNamespace]:
    """Asks a script in this process: ``ask(script, target, body) -> Response``."""

    def ask(script, target=b"/score", body=b"", method=b"POST", development=False, **fields):
        if isinstance(script, str):
            script = UserScript.load(SCRIPTS / f"{script}.py")
        scorer = make_scorer(script, development=development)
        service = Service(scorer, Swagger(Path("/nowhere"), {}, script.schema))
        named = {name.replace("_", "-").encode(): value for name, value in fields.items()}
        request = Request(method, target, named, body)

        async def answer():
            reply = loop.create_future()
            service.answer(request, reply.set_result)
            return await asyncio.wait_for(reply, 5)

        response = scorer.thread.run(answer())
        head = Renderer().render(response, request).partition(b"\r\n\r\n")[0].decode()
        return SimpleNamespace(
            status=response.status, body=response.body, run_failed=response.run_failed, head=head + "\r\n"
        )

    return ask


@pytest.fixture
def start(tmp_path):
    """Starts servers, and ends those that are left."""
    bells = tmp_path / "bells"
    bells.mkdir()
    started = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wakeup:
        wakeup.bind(("127.0.0.1", 0))
        wakeup.settimeout(0.5)
        (bells / str(wakeup.getsockname()[1])).touch()

        def start(script, *options, folder=tmp_path / "run", port=0):
            if not folder.exists():
                prepare(folder)
            command = [
                sys.executable,
                "-m",
                "mlmagic.scoring",
                "--entry-script",
                str(script if isinstance(script, Path) else SCRIPTS / f"{script}.py"),
            ]
            command += ["--port", str(port), "--run-dir", str(folder), *options]
            with open(tmp_path / "log", "ab") as log:
                process = subprocess.Popen(
                    command, stdout=log, stderr=log, env={**os.environ, "MLMAGIC_BELLS": str(bells)}
                )
            started.append(process)
            return Running(folder, process, wakeup)

        yield start
        for process in started:
            process.kill()
            process.wait()


@pytest.fixture
def start_script(start, tmp_path):
    """Starts a server of a script that is given as text."""

    def start_script(text, *options):
        path = tmp_path / "score.py"
        path.write_text(text)
        return start(path, *options)

    return start_script


@pytest.fixture
def connect(service: Service, loop: asyncio.AbstractEventLoop) -> Iterator[Callable[[], Wire]]:
    """New connections to one service."""
    made: list[Wire] = []

    def connect() -> Wire:
        made.append(Wire(service, loop))
        return made[-1]

    yield connect
    for wire in made:
        wire.connection.connection_lost(None)
