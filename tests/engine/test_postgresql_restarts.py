"""PostgreSQL's server is restarted while two machines register and update: nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.errors import WorkspaceUnavailable
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace.location import Location
from tests.support.answering import Answering
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.postgresql import Server, running
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

RESTARTS = 3


@pytest.fixture
def server() -> Iterator[Server]:
    """One of its own: the others' must not be restarted."""
    with running(survives_crashes=True) as server:
        yield server


@dataclass
class Machine:
    """Registers models and updates a service until ``over`` is set: see `work`."""

    engine: Engine
    name: str
    registered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    described: str = ""
    """The description that its service was acknowledged to have."""

    def has_registered(self, count: int) -> bool:
        return len(self.registered) >= count

    def work(self, over: Event) -> None:
        number = 0
        while not over.is_set():
            number += 1
            source = self.engine.location.folder / "weights"
            source.write_text(f"{self.name} {number}")
            try:
                self.registered.append(self.engine.models.register(source, ModelDescription(self.name)).id)
                words = f"{self.name} {number}"
                self.engine.services.update(self.name, config_changes={"description": words})
                self.described = words
            except WorkspaceUnavailable as error:
                self.refused.append(str(error))


def test_nothing_is_lost_or_doubled(
    make_engine: MakeEngine, server: Server, location: Location, tmp_path: Path, answering: Answering
) -> None:
    url = server.new_database()
    machines, over = [], Event()
    with ExitStack() as stack:
        for name in ("here", "there"):
            target = FakeTarget()
            target.url = answering.url
            place = replace(location, folder=tmp_path / name, database_url=url)
            engine = Engine(place, use_daemon=False, targets=lambda _, target=target: target)
            stack.callback(engine.close)
            engine.services.wait(engine.services.deploy(name, [], script(), ON_FAKE))
            machines.append(Machine(engine, name))
        with ThreadPoolExecutor(2) as threads:
            work = [threads.submit(each.work, over) for each in machines]
            stack.callback(over.set)
            for _ in range(RESTARTS):
                for each in machines:
                    enough = len(each.registered) + 4
                    wait_for(partial(each.has_registered, enough), "registrations")
                server.restart()
            over.set()
            for each in work:
                each.result()
        for each in machines:
            there = [model.id for model in each.engine.models.list() if model.name == each.name]
            # What was refused was not carried out, and what was acknowledged was, once.
            assert sorted(there) == sorted(each.registered)
            assert all("PostgreSQL at" in words for words in each.refused)
            service = each.engine.services.wait(each.engine.services.get(each.name), 60)
            assert (service.state, service.description) == (State.HEALTHY, each.described)
        assert any(each.refused for each in machines)
