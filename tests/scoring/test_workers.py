"""A service of several processes, and one of none while nobody calls: over HTTP, with real processes."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from mlmagic.scoring import report
from mlmagic.scoring.control import HAND_OVER, RELOAD, SCALE, send_command
from tests.support.started_server import Started
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

WAKE_UPS = int(os.environ.get("WAKE_UPS", "20"))
"""WAKE_UPS=1000 pytest ... tries as many."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    started: list[Started] = []

    def start(*arguments: str, **more: Any) -> Started:
        started.append(Started(tmp_path, *arguments, **more))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [(["--workers", "3"], {}), ([], {"WORKER_COUNT": "3"}), (["--workers", "3"], {"WORKER_COUNT": "7"})],
)
def test_several_processes_share_one_address(
    start: Callable[..., Started], arguments: list[str], variables: dict[str, str]
) -> None:
    server = start(*arguments, **variables).up()
    seen = server.report()
    assert (seen.ready, seen.replicas, seen.idle) == (3, 3, False)
    assert len(server.pids()) == 3
    assert server.counted()["requests"] == 12, "any of them counts for all"
    assert re.search(r"^\[replica 3\] \[.+\] scored$", server.log.read_text(), re.MULTILINE)
    assert server.stop() == 0
    assert server.report().phase == report.STOPPED


@pytest.mark.parametrize("count", ["0", "two", "101", "-1"])
def test_a_count_that_is_none_is_refused(start: Callable[..., Started], count: str) -> None:
    server = start(WORKER_COUNT=count)
    assert server.process.wait(20) == 2
    assert f"WORKER_COUNT is {count!r}: it must be a whole number from 1 to 100" in server.log.read_text()


def test_connections_go_to_the_one_that_has_the_fewest(start: Callable[..., Started]) -> None:
    server = start("--workers", "2").up()
    sessions = [requests.Session() for _ in range(8)]
    pids = [server.score(session=session).json() for session in sessions]
    assert sorted(pids.count(pid) for pid in set(pids)) == [4, 4]
    first = pids[0]
    for session, pid in zip(sessions, pids, strict=True):
        if pid == first:
            session.close()
    later = [server.score(session=session).json() for session in [requests.Session() for _ in range(4)]]
    assert set(later) == {first}


def test_one_that_ends_is_replaced_and_nothing_it_counted_is_lost(start: Callable[..., Started]) -> None:
    server = start("--workers", "2").up()
    before = server.pids()
    with pytest.raises(requests.ConnectionError):
        server.score("end")
    wait_for(lambda: len(server.pids(4) - before) == 1, "another one")
    assert "ended with code 5; another is started" in server.log.read_text()
    assert server.counted()["requests"] >= 16
    os.kill(next(iter(before & server.pids(4))), signal.SIGKILL)
    lost = (requests.ConnectionError,)  # what was handed to it while it was killed
    wait_for(lambda: len(server.pids(4) - before) == 2, "another one", ignoring=lost)
    assert "was ended by SIGKILL" in server.log.read_text()


def test_more_and_fewer(start: Callable[..., Started]) -> None:
    server = start("--workers", "2").up()
    send_command(server.run_dir, {"do": SCALE, "replicas": 1})
    server.until(ready=1)
    (only,) = server.pids(3)
    answer, _ = send_command(server.run_dir, {"do": SCALE, "replicas": 3})
    assert answer == {"replicas": 3}
    server.until(ready=3, replicas=3)
    assert len(server.pids()) == 3
    errors: list[Exception] = []
    done = threading.Event()

    def call() -> None:
        with requests.Session() as session:
            while not done.is_set():
                try:
                    assert server.score(session=session).status_code == 200
                except Exception as error:
                    errors.append(error)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for count in (1, 4, 2, 1):
        send_command(server.run_dir, {"do": SCALE, "replicas": count})
        server.until(ready=count)
    done.set()
    for caller in callers:
        caller.join()
    assert errors == []
    assert server.pids(4) == {only}


def test_a_script_that_fails_at_the_start_is_told_as_by_one_process(start: Callable[..., Started]) -> None:
    server = start("--workers", "2", script="def init():\n    raise ValueError('no')\ndef run(data): ...\n")
    assert server.process.wait(20) == 3
    seen = server.report()
    assert seen.phase == report.FAILED
    assert seen.error is not None
    assert (seen.error["type"], seen.error["phase"]) == ("ValueError", "init")
    assert "raise ValueError('no')" in seen.error["traceback"]


def test_a_port_in_use_is_told_as_by_one_process(start: Callable[..., Started]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = start("--workers", "2", "--port", str(taken.getsockname()[1]))
        assert server.process.wait(20) == 98
    assert server.report().error["type"] == "PortTaken"  # type: ignore[index]


def test_one_that_cannot_start_again_is_tried_again_while_others_serve(start: Callable[..., Started]) -> None:
    server = start("--workers", "2").up()
    broken = server.folder / "broken"
    broken.touch()
    os.kill(next(iter(server.pids())), signal.SIGKILL)
    server.until(ready=1)
    wait_for(lambda: "in 0.5 s" in server.log.read_text(), "a second failure")
    assert server.score().status_code == 200
    broken.unlink()
    server.until(ready=2)


def test_all_end_with_their_dispatcher(start: Callable[..., Started]) -> None:
    server = start("--workers", "2").up()
    pids = server.pids()
    os.kill(server.report().pid, signal.SIGKILL)
    wait_for(lambda: not any(Path(f"/proc/{pid}/fd/0").exists() for pid in pids), "the end of all")


def test_requests_in_progress_are_answered_at_the_end(start: Callable[..., Started]) -> None:
    server = start("--workers", "2").up()
    answers: list[int] = []
    callers = [
        threading.Thread(target=lambda: answers.append(server.score("slow").status_code)) for _ in range(6)
    ]
    for caller in callers:
        caller.start()
    wait_for(lambda: server.counted()["in_flight"] == 6, "all in progress")
    assert server.stop() == 0
    for caller in callers:
        caller.join()
    assert answers == [200] * 6


def test_a_reload_reaches_all(start: Callable[..., Started]) -> None:
    server = start("--workers", "2", "--live").up()
    (server.folder / "score.py").write_text("def init(): ...\ndef run(data):\n    return 'new'\n")
    answer, _ = send_command(server.run_dir, {"do": RELOAD}, timeout=20)
    assert "init" in answer
    assert {server.score().json() for _ in range(6)} == {"new"}
    (server.folder / "score.py").write_text("def init(: ...\n")
    answer, _ = send_command(server.run_dir, {"do": RELOAD}, timeout=20)
    assert answer["error"]["type"] == "SyntaxError"
    assert {server.score().json() for _ in range(6)} == {"new"}


def test_the_address_is_handed_over(start: Callable[..., Started]) -> None:
    server = start("--workers", "2").up()
    _, descriptors = send_command(server.run_dir, {"do": HAND_OVER})
    with socket.socket(fileno=descriptors[0]) as taken:
        assert f":{taken.getsockname()[1]}" in server.url


def successor(server: Started, folder: Path, script: str) -> Started:
    """A server of four processes that takes over the address of another."""
    folder.mkdir()
    port = server.url.rpartition(":")[2]
    more = ("--port", port, "--take-over", str(server.run_dir), "--workers", "4")
    return Started(folder, *more, script=script)


def test_an_update_rolls_through_them(start: Callable[..., Started], tmp_path: Path) -> None:
    server = start("--workers", "4").up()
    slow = "import time\ndef init(): time.sleep(0.3)\ndef run(data): return 'new'\n"
    new = successor(server, tmp_path / "new", slow)
    old: list[int] = []
    both: list[int] = []

    def processes(of: Started) -> int:
        return len(psutil.Process(of.process.pid).children(recursive=True))

    def is_up() -> bool:
        assert server.score().status_code == 200
        old.append(processes(server))
        both.append(old[-1] + processes(new))
        seen = report.read_report(new.run_dir)
        return seen is not None and seen.phase == report.SERVING

    try:
        wait_for(is_up, "the new one", timeout=30)
        assert (new.report().ready, server.report().replicas) == (4, 1)
        assert old[-1] == min(old) < old[0]
        assert max(both) <= both[0] + 3, "one more, one that is ending, and perhaps the one that starts them"
        assert server.stop() == 0
        assert {new.score().json() for _ in range(6)} == {"new"}
    finally:
        new.stop()


def test_an_update_that_fails_on_its_way_gives_all_back(
    start: Callable[..., Started], tmp_path: Path
) -> None:
    server = start("--workers", "4").up()
    once = "import os\ndef init(): os.mkdir('made')\ndef run(data): return 'new'\n"
    new = successor(server, tmp_path / "new", once)
    assert new.process.wait(30) == 3
    assert new.report().error["type"] == "FileExistsError"  # type: ignore[index]
    server.until(ready=4, replicas=4)
    assert "new" not in {server.score().json() for _ in range(6)}


def test_a_log_that_is_rotated_loses_no_line_of_any(start: Callable[..., Started]) -> None:
    script = "import os\ndef init(): ...\ndef run(data): print(f'<{data}>' + '.' * 300)\n"
    server = start(
        "--workers", "3", script=script, MLMAGIC_LOG_MAX_BYTES="20000", MLMAGIC_LOG_FILES="50"
    ).up()

    def call(first: int) -> None:
        with requests.Session() as session:
            for number in range(first, 600, 6):
                server.score(str(number), session=session)

    callers = [threading.Thread(target=call, args=(first,)) for first in range(6)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    server.stop()
    files = list(server.run_dir.glob("log.txt*"))
    lines = re.findall(r"<(\d+)>", "".join(file.read_text() for file in files))
    assert sorted(map(int, lines)) == list(range(600))
    assert 1 < len(files) < 20, "how often depends on how fast the machine is"


def test_what_all_collect_is_one_file_with_one_header(start: Callable[..., Started], tmp_path: Path) -> None:
    script = (
        "from azureml.monitoring import ModelDataCollector\n"
        "def init():\n    global kept\n"
        "    kept = ModelDataCollector('wine', designation='inputs', feature_names=['a', 'b'])\n"
        "def run(data):\n    return kept.collect([[1, 'x' * 200]] * 40) is None\n"
    )
    variables = {"AML_MODEL_DC_STORAGE_ENABLED": "true", "AML_MODEL_DC_STORAGE": str(tmp_path)}
    server = start("--workers", "3", script=script, **variables).up()
    callers = [threading.Thread(target=lambda: [server.score() for _ in range(5)]) for _ in range(6)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    assert server.stop() == 0
    (file,) = (tmp_path / "modeldata").rglob("*.csv")
    header, *rows = file.read_text().splitlines()
    assert header.endswith("a,b")
    assert len(rows) == 6 * 5 * 40
    assert all(row.endswith("1," + "x" * 200) for row in rows)


# -- scale to zero ---------------------------------------------------------------------------------------


def test_none_runs_while_nobody_calls(start: Callable[..., Started]) -> None:
    server = start("--idle-timeout", "0.4").up()
    seen = server.until(idle=True)
    assert (seen.ready, seen.phase) == (0, report.SERVING)
    for _ in range(3):  # a probe is answered, and wakes nobody
        assert requests.get(f"{server.url}/", timeout=5).text == "Healthy"
        assert requests.head(f"{server.url}/", timeout=5).status_code == 200
    assert server.report().idle
    assert server.score().status_code == 200
    server.until(idle=False, ready=1)
    server.until(idle=True)
    assert server.counted()["requests"] == 1, "what was counted is still there"


def test_a_connection_may_take_its_time(start: Callable[..., Started]) -> None:
    server = start("--idle-timeout", "0.4").up()
    server.until(idle=True)
    port = int(server.url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port)) as slow,
        socket.create_connection(("127.0.0.1", port)) as silent,
    ):
        for piece in (b"P", b"OST /score HTTP/1.1\r\n", b"Host: localhost\r\nContent-Length: 2\r\n\r\n{}"):
            slow.sendall(piece)
            time.sleep(0.02)
        assert b"200 OK" in slow.recv(4096)
        silent.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"Healthy" in silent.recv(4096)


def test_no_wakeup_is_lost(start: Callable[..., Started]) -> None:
    """Many callers at once, each time when nobody runs."""
    server = start("--idle-timeout", "0.05").up()
    answers: list[int] = []
    for _ in range(WAKE_UPS):
        server.until(idle=True)
        callers = [
            threading.Thread(target=lambda: answers.append(server.score().status_code)) for _ in range(4)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert answers == [200] * 4 * WAKE_UPS


def test_a_script_that_does_not_start_again_ends_the_service(start: Callable[..., Started]) -> None:
    server = start("--idle-timeout", "0.3").up()
    (server.folder / "broken").touch()
    server.until(idle=True)
    answer = server.score()
    assert (answer.status_code, "could not be started again" in answer.json()["message"]) == (503, True)
    assert server.process.wait(20) == 3
    assert server.report().error["message"] == "broken by the test"  # type: ignore[index]


def test_a_long_request_keeps_it_awake(start: Callable[..., Started]) -> None:
    server = start("--idle-timeout", "0.2").up()
    assert server.score("slow").status_code == 200
    server.until(idle=True)
    assert server.counted()["errors"] == 0
