"""Records that a process beside this one delivers."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

from mlmagic.scoring.delivery import link
from mlmagic.scoring.delivery.__main__ import NICENESS
from mlmagic.scoring.delivery.delivery import Outcome
from mlmagic.scoring.delivery.process import DeliveryProcess
from mlmagic.scoring.delivery.queue import Plan
from tests.support.waiting import wait_for

LONG_BYTES = 1 << 18
pytestmark = pytest.mark.processes


class Notes:
    """Appends records to a file, with the process that does it; ``"bad"`` fails once."""

    def __init__(self, file: Path) -> None:
        self._file, self._failed = file, list[str]()

    def deliver(self, records: Sequence[str]) -> Outcome:
        if "kill" in records:
            os.kill(os.getpid(), signal.SIGKILL)
        if "hang" in records:
            time.sleep(60)
        self._failed = [record for record in records if record == "bad"]
        with self._file.open("a") as file:
            file.writelines(f"{os.getpid()} {record[:20]}\n" for record in records if record != "bad")
        return Outcome(len(records) - len(self._failed), len(self._failed), reason="it is bad")

    def again(self) -> Outcome:
        return Outcome(delivered=len(self._failed))

    def close(self) -> None:
        with self._file.open("a") as file:
            file.write(f"{os.getpid()} closed\n")


class Written:
    """What became of the records of one kind, as it was reported."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.reasons: set[str] = set()

    def report(self, outcome: Outcome) -> None:
        self.counts.update(delivered=outcome.delivered, dropped=outcome.dropped)
        if outcome.dropped:
            self.reasons.add(outcome.reason)


def plan(file: Path, **changes: Any) -> Plan:
    given: dict[str, Any] = {
        "most_waiting": 1 << 30,
        "most_at_once": 100,
        "delay_s": 0.01,
        "pauses": (0.0,),
        "close_s": 10.0,
        "full": "there is no room",
        "ended": "the end has come",
        **changes,
    }
    return Plan("test", partial(Notes, file), **given)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "notes"
    made.touch()
    return made


@pytest.fixture
def process() -> Iterator[DeliveryProcess]:
    made = DeliveryProcess()
    yield made
    made.close()


def lines(file: Path) -> list[tuple[int, str]]:
    found = (line.split(" ", 1) for line in file.read_text().splitlines())
    return [(int(pid), words) for pid, words in found]


def words(file: Path) -> list[str]:
    return [words for _, words in lines(file)]


def serve(work: Callable[[asyncio.AbstractEventLoop], Any]) -> None:
    """Run ``work`` in an event loop, as a server has one."""

    async def main() -> None:
        await work(asyncio.get_running_loop())

    asyncio.run(main())


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def suspended(process: DeliveryProcess, kind: int, file: Path) -> AsyncIterator[None]:
    """Inside of it, the process beside this one has delivered ``first``, and does not read."""
    process.add((kind,), ["first"])
    await until(lambda: words(file))
    beside = psutil.Process(lines(file)[0][0])
    beside.suspend()
    yield
    beside.resume()


def test_it_is_another_process_and_delivers_all_before_it_ends(process: DeliveryProcess, file: Path) -> None:
    written = Written()
    kind = process.register(plan(file), written.report)
    records = [str(number) for number in range(1000)]
    for record in [*records, "bad"]:
        process.add((kind,), [record])
    process.close()
    (pid,) = {pid for pid, _ in lines(file)}
    assert pid != os.getpid()
    assert words(file) == [*records, "closed"]
    assert written.counts == {"delivered": 1001, "dropped": 0}
    assert not psutil.pid_exists(pid)
    process.add((kind,), ["too late"])
    assert words(file)[-1] == "closed"


def test_a_server_hears_what_became_of_records_while_it_serves(file: Path, tmp_path: Path) -> None:
    written, other = Written(), Written()

    async def work(loop: asyncio.AbstractEventLoop) -> None:
        process = DeliveryProcess(loop)
        first = process.register(plan(file), written.report)
        second = process.register(plan(tmp_path / "others"), other.report)
        process.add((first, second), [f"{number}" for number in range(100)])
        process.add((second,), ["bad"])
        await until(lambda: written.counts["delivered"] == other.counts["delivered"] - 1 == 100)
        assert psutil.Process(lines(file)[0][0]).nice() == min(19, psutil.Process().nice() + NICENESS)
        process.close()

    serve(work)
    assert words(file) == words(tmp_path / "others") == [*map(str, range(100)), "closed"]


def test_a_kind_that_comes_later_is_delivered_too(
    process: DeliveryProcess, file: Path, tmp_path: Path
) -> None:
    first = process.register(plan(file), Written().report)
    process.add((first,), ["one"])
    second = process.register(plan(tmp_path / "others"), Written().report)
    process.add((first, second), ["two"])
    process.close()
    assert words(file) == ["one", "two", "closed"]
    assert words(tmp_path / "others") == ["two", "closed"]


def test_more_than_the_pipe_takes_waits_for_room_and_no_caller_waits(file: Path) -> None:
    written = Written()

    async def work(loop: asyncio.AbstractEventLoop) -> None:
        process = DeliveryProcess(loop)
        kind = process.register(plan(file), written.report)
        async with suspended(process, kind, file):
            for number in range(40):
                process.add((kind,), [f"{number:<20} {'x' * LONG_BYTES}"])
        await until(lambda: written.counts["delivered"] == 41)
        process.close()

    serve(work)
    assert [word.strip() for word in words(file)] == ["first", *map(str, range(40)), "closed"]


def test_of_a_process_that_does_not_read_so_much_waits_at_most(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "MOST_UNSENT", 4 * LONG_BYTES)
    written = Written()

    async def work(loop: asyncio.AbstractEventLoop) -> None:
        process = DeliveryProcess(loop)
        kind = process.register(plan(file), written.report)
        async with suspended(process, kind, file):
            for _ in range(40):
                process.add((kind,), ["x" * LONG_BYTES])
            assert written.reasons == {link.BEHIND}
        process.close()

    serve(work)
    arrived = len(words(file)) - len(["first", "closed"])
    assert 0 < arrived < 40
    assert written.counts["dropped"] == 40 - arrived


def test_a_new_one_is_started_after_a_kill(file: Path) -> None:
    written = Written()

    async def work(loop: asyncio.AbstractEventLoop) -> None:
        process = DeliveryProcess(loop)
        kind = process.register(plan(file), written.report)
        process.add((kind,), ["one"])
        await until(lambda: written.counts["delivered"] == 1)
        process.add((kind,), ["kill"])
        await until(lambda: written.counts["dropped"] == 1)
        process.add((kind,), ["two"])
        await until(lambda: written.counts["delivered"] == 2)
        process.close()

    serve(work)
    assert written.reasons == {link.KILLED}
    assert words(file) == ["one", "two", "closed"]
    assert len({pid for pid, _ in lines(file)}) == 2


def test_the_end_does_not_wait_long_for_what_hangs(process: DeliveryProcess, file: Path) -> None:
    written = Written()
    kind = process.register(plan(file, close_s=0.1, most_at_once=1), written.report)
    process.add((kind,), ["one"])
    wait_for(lambda: words(file), "the first record")
    process.add((kind,), ["hang"])
    process.add((kind,), ["two"])
    process.close()
    assert written.counts == {"delivered": 1, "dropped": 2}
    assert written.reasons == {"the end has come"}
    wait_for(lambda: not psutil.pid_exists(lines(file)[0][0]), "the end of the process")


@pytest.mark.parametrize(("where", "name"), [(subprocess, "Popen"), (os, "pipe")])
def test_where_none_can_be_started_it_delivers_here(
    process: DeliveryProcess, file: Path, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    def fail(*_: Any, **__: Any) -> NoReturn:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(where, name, fail)
    written = Written()
    kind = process.register(plan(file), written.report)
    process.add((kind,), ["one"])
    process.add((kind,), ["bad"])
    process.close()
    assert lines(file) == [(os.getpid(), "one"), (os.getpid(), "closed")]
    assert written.counts == {"delivered": 2, "dropped": 0}


def test_without_another_thread_records_are_dropped_and_nobody_fails(
    process: DeliveryProcess, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    written = Written()
    kind = process.register(plan(file, records=2), written.report)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        process.add((kind,), ["one"])
    assert (written.counts["dropped"], written.reasons) == (2, {"can't start new thread"})
    process.add((kind,), ["two"])
    process.close()
    assert words(file) == ["two", "closed"]


def test_a_value_of_another_type_drops_its_record_alone(process: DeliveryProcess, file: Path) -> None:
    written = Written()
    kind = process.register(plan(file), written.report)
    process.add((kind,), ["one", object(), "two", 2**64, "\ud800"])
    process.close()
    assert words(file) == ["one", "two", "closed"]
    assert written.counts == {"delivered": 2, "dropped": 3}
    assert written.reasons == {link.UNKNOWN}


def test_the_records_of_several_threads_are_delivered_once_each(process: DeliveryProcess, file: Path) -> None:
    kind = process.register(plan(file), Written().report)
    threads = [
        threading.Thread(
            target=lambda sender=sender: [process.add((kind,), [f"{sender} {at}"]) for at in range(500)]
        )
        for sender in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    process.close()
    found = words(file)
    for sender in range(4):
        mine = [word for word in found if word.startswith(f"{sender} ")]
        assert mine == [f"{sender} {at}" for at in range(500)]


def test_it_delivers_what_it_has_when_this_process_was_killed(file: Path) -> None:
    code = (
        "import os, signal, sys, time\nfrom pathlib import Path\n"
        "from mlmagic.scoring.delivery.process import DeliveryProcess\n"
        "from tests.scoring.delivery.test_process import Written, plan, words\n"
        "process, file = DeliveryProcess(), Path(sys.argv[1])\n"
        "kind = process.register(plan(file), Written().report)\n"
        "process.add((kind,), ['one'])\n"
        "while not words(file): time.sleep(0.01)\n"
        "process.add((kind,), ['two'])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(file)], check=False, timeout=60)
    wait_for(lambda: words(file) == ["one", "two", "closed"], "the end of the process")


def test_a_fork_has_one_of_its_own(process: DeliveryProcess, file: Path) -> None:
    kind = process.register(plan(file), Written().report)
    process.add((kind,), ["parent"])
    wait_for(lambda: words(file), "the first record")
    child = os.fork()
    if child == 0:
        try:
            process.add((kind,), ["child"])
            process.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    process.add((kind,), ["parent again"])
    process.close()
    found = lines(file)
    assert words(file) == ["parent", "child", "closed", "parent again", "closed"]
    assert found[0][0] == found[3][0] != found[1][0]


def test_modules_of_the_working_directory_are_not_for_it(
    process: DeliveryProcess, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle.py").write_text("raise SystemExit('the script has a pickle.py')")
    monkeypatch.chdir(tmp_path)
    process.add((process.register(plan(file), Written().report),), ["one"])
    process.close()
    assert words(file) == ["one", "closed"]
