"""A delivery in a process beside this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

from mlmagic.scoring.delivery import process
from mlmagic.scoring.delivery.__main__ import NICENESS
from mlmagic.scoring.delivery.delivery import Outcome
from mlmagic.scoring.delivery.process import SLICE, DeliveryProcess
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes


class Notes:
    """Appends records to a file, with the process that does it; ``"bad"`` fails once."""

    def __init__(self, file: Path) -> None:
        self._file, self._failed = file, list[str]()

    def deliver(self, records: Sequence[str]) -> Outcome:
        if "kill" in records:
            os.kill(os.getpid(), signal.SIGKILL)
        self._failed = [record for record in records if record == "bad"]
        with self._file.open("a") as file:
            file.writelines(f"{os.getpid()} {record}\n" for record in records if record != "bad")
        return Outcome(len(records) - len(self._failed), len(self._failed), reason="it is bad")

    def again(self) -> Outcome:
        return Outcome(delivered=len(self._failed))

    def close(self) -> None:
        with self._file.open("a") as file:
            file.write(f"{os.getpid()} closed\n")


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[tuple[DeliveryProcess, Path]]:
    file = tmp_path / "notes"
    file.touch()
    made = DeliveryProcess(partial(Notes, file))
    yield made, file
    made.close()


def lines(file: Path) -> list[tuple[int, str]]:
    found = (line.split(" ", 1) for line in file.read_text().splitlines())
    return [(int(pid), words) for pid, words in found]


def test_it_is_another_process_and_ends_with_the_last_call(notes: tuple[DeliveryProcess, Path]) -> None:
    delivery, file = notes
    records = [str(number) for number in range(3 * SLICE + 1)]
    assert delivery.deliver(records) == Outcome(len(records), reason="it is bad")
    assert delivery.deliver(["bad", "good"]) == Outcome(1, 1, reason="it is bad")
    assert delivery.again() == Outcome(1)
    assert psutil.Process(lines(file)[0][0]).nice() == min(19, psutil.Process().nice() + NICENESS)
    delivery.close()
    (pid,) = {pid for pid, _ in lines(file)}
    assert pid != os.getpid()
    assert [words for _, words in lines(file)] == [*records, "good", "closed"]
    assert not psutil.pid_exists(pid)


def test_a_new_one_is_started_after_a_kill(notes: tuple[DeliveryProcess, Path]) -> None:
    delivery, file = notes
    assert delivery.deliver(["one"]).delivered == 1
    lost = delivery.deliver(["kill", "two"])
    assert lost == Outcome(dropped=2, reason="the process that delivers them was ended")
    assert delivery.deliver(["three"]).delivered == 1
    assert [words for _, words in lines(file)] == ["one", "three"]
    assert len({pid for pid, _ in lines(file)}) == 2


def test_where_none_can_be_started_it_delivers_here(
    notes: tuple[DeliveryProcess, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> NoReturn:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(process.subprocess, "Popen", fail)
    delivery, file = notes
    assert delivery.deliver(["one", "bad"]).failed == 1
    assert delivery.again() == Outcome(1)
    assert lines(file) == [(os.getpid(), "one")]


def test_it_ends_when_this_process_was_killed(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    code = (
        "import os, signal, sys\nfrom functools import partial\nfrom pathlib import Path\n"
        "from mlmagic.scoring.delivery.process import DeliveryProcess\n"
        "from tests.scoring.delivery.test_process import Notes\n"
        "DeliveryProcess(partial(Notes, Path(sys.argv[1]))).deliver(['one'])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(file)], check=False, timeout=60)
    wait_for(lambda: [words for _, words in lines(file)] == ["one", "closed"], "the end of the process")


def test_a_fork_has_one_of_its_own(notes: tuple[DeliveryProcess, Path]) -> None:
    delivery, file = notes
    delivery.deliver(["parent"])
    child = os.fork()
    if child == 0:
        try:
            delivery.deliver(["child"])
            delivery.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    delivery.deliver(["parent again"])
    found = lines(file)
    assert [words for _, words in found] == ["parent", "child", "closed", "parent again"]
    assert found[0][0] == found[3][0] != found[1][0]


def test_modules_of_the_working_directory_are_not_for_it(
    notes: tuple[DeliveryProcess, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle.py").write_text("raise SystemExit('the script has a pickle.py')")
    monkeypatch.chdir(tmp_path)
    assert notes[0].deliver(["one"]).delivered == 1
