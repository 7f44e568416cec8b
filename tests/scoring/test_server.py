"""The server as a process of its own."""

import contextlib
import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection

import pytest
import requests

from mlmagic.scoring.report import holder_alive, prepare, read_report, retire
from tests.support.keep_alive import keep_alive_clients
from tests.support.serving import SCRIPTS
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes


def test_it_serves(start, tmp_path):
    running = start("prints")
    status, body, headers = running.ask(body="x")
    assert (status, json.loads(body)) == (200, {"data": "x"})
    assert headers["x-ms-server-version"].startswith("mlmagic/")
    assert running.ask("GET", "/")[1] == "Healthy"
    assert 'mlmagic_requests_total{code="200"} 1' in running.ask("GET", "/metrics")[1]
    log = (tmp_path / "log").read_text().splitlines()
    assert {"imported", "init", "from below", f"[{headers['x-request-id']}] run x"} <= set(log)


def test_stand_ins_cost_nothing_when_unused():
    code = "import sys, mlmagic.scoring.server; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {name for name in loaded if ".shims." in name} == {
        "mlmagic.scoring.shims.finder",
        "mlmagic.scoring.shims.flask_context",
        "mlmagic.scoring.shims.installed_schema",
        "mlmagic.scoring.shims.installed_http",
    }
    assert not loaded & {"numpy", "pandas", "werkzeug", "mlmagic.scoring.http.multipart"}


def test_it_serves_scripts_by_schema_and_raw_http(start, tmp_path):
    schema = start("numpy_example").client()
    for body, status in (('{"data": [[0,1,2,3,4,5,6,7,8,9]]}', 200), ('{"data": [[0]]}', 400)):
        schema.request("POST", "/score", body, {"Content-Type": "application/json"})
        response = schema.getresponse()
        assert (response.status, response.getheader("x-ms-run-function-failed")) == (status, "False")
        assert (json.loads(response.read()) == [285]) == (status == 200)
    schema.request("GET", "/swagger.json")
    assert "numpy.ndarray" in schema.getresponse().read().decode()
    raw = start("raw_http", folder=tmp_path / "raw").client()
    raw.request("OPTIONS", "/score")
    response = raw.getresponse()
    assert (response.status, response.read()) == (200, b"")
    assert response.getheader("Access-Control-Allow-Origin") == "http://www.example.com"
    raw.request("POST", "/score?fail=500", "x")
    response = raw.getresponse()
    assert (response.status, response.read()) == (500, b"no luck")
    assert response.getheader("x-ms-run-function-failed") == "True"
    schema.close()
    raw.close()


@pytest.mark.parametrize(
    ("script", "phase"), [("bad_import", "import"), ("init_raises", "init"), ("no_run", "import")]
)
def test_a_script_that_fails_is_reported(start, tmp_path, script, phase):
    running = start(script, "--model-dir", str(tmp_path))
    error = running.report("failed").error
    assert running.ends() == 3
    assert error["phase"] == phase
    assert error["type"] in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("threading.Event().wait()", "threading.Event().wait()"),
        ("re.match('(a+)+$', 'a' * 64 + 'b')", "in init"),  # lets no other thread run
    ],
    ids=["waits", "computes"],
)
def test_a_start_that_takes_too_long_is_ended_and_says_where_it_was(
    start_script, monkeypatch, tmp_path, body, line
):
    monkeypatch.setenv("MLMAGIC_INIT_TIMEOUT_S", "0.5")
    running = start_script(f"import re, threading\ndef init():\n    {body}\ndef run(data): return data\n")
    assert running.ends() != 0
    assert line in (tmp_path / "log").read_text()
    if line != "in init":
        error = running.report("failed").error
        assert (error["phase"], error["type"]) == ("init", "TimeoutError")
        assert error["message"] == "the script's import and init() took longer than 0.5 s"
        assert error["traceback"].splitlines()[1].endswith('score.py", line 3, in init')
        assert "init_timeout_seconds" in error["hint"]


def test_a_request_is_answered_although_its_log_cannot_be_written(tmp_path):
    """/dev/full is a disk without room."""
    prepare(tmp_path / "run")
    script = tmp_path / "score.py"
    script.write_text("def init(): print('init')\ndef run(data):\n    print(data)\n    return data\n")
    command = [sys.executable, "-m", "mlmagic.scoring", "--entry-script", str(script), "--port", "0"]
    command += ["--run-dir", str(tmp_path / "run")]
    with (
        open("/dev/full", "wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        seen = wait_for(lambda: (found := read_report(tmp_path / "run")) and found.url and found, "its URL")
        for _ in range(20):
            assert requests.post(f"{seen.url}/score", b"1", timeout=10).json() == "1"
        process.terminate()
        assert process.wait(10) == 0


def test_a_taken_port_is_reported(start, tmp_path):
    first = start("echo")
    port = first.report("serving").port
    second = start("echo", folder=tmp_path / "second", port=port)
    error = second.report("failed").error
    assert second.ends() == 98
    assert (error["phase"], error["type"], error["message"]) == (
        "bind",
        "PortTaken",
        f"port {port} is in use",
    )
    third = start("echo", "--prefer-port", str(port), folder=tmp_path / "third")
    assert third.report("serving").port != port


@pytest.mark.parametrize("by", ["handover", "sharing"])
def test_a_successor_takes_the_port_over_and_nobody_is_lost(start, tmp_path, by):
    first = start("echo")
    port = first.report("serving").port
    if by == "sharing":  # as where no socket can be handed over
        (tmp_path / "run" / "door").unlink()
    lost, done = [], threading.Event()

    def client():
        while not done.is_set():
            try:
                with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
                    connection.request("POST", "/score", "1")
                    assert connection.getresponse().status == 200
            except OSError as error:
                lost.append(error)

    clients = [threading.Thread(target=client) for _ in range(4)]
    for each in clients:
        each.start()
    folders = [tmp_path / f"successor-{number}" for number in range(4)]
    for before, folder in zip([tmp_path / "run", *folders], folders, strict=False):
        later = start("echo", "--take-over", str(before), folder=folder, port=port)
        assert later.report("serving").port == port
        first.process.send_signal(signal.SIGTERM)
        assert first.ends() == 0
        first = later
    done.set()
    for each in clients:
        each.join()
    if by == "handover":
        assert lost == []


def test_clients_that_keep_their_connection_lose_nothing_to_successors(start, tmp_path):
    first = start("echo")
    port = first.report("serving").port
    folders = [tmp_path / "run", *(tmp_path / f"successor-{number}" for number in range(6))]
    with keep_alive_clients(f"http://127.0.0.1:{port}") as tally:
        for before, folder in itertools.pairwise(folders):
            later = start("echo", "--take-over", str(before), folder=folder, port=port)
            assert later.report("serving").port == port
            first.process.send_signal(signal.SIGTERM)
            assert first.ends() == 0
            first = later
    assert tally.lost == []
    assert tally.closed > 0


def test_signals_that_are_sent_again_cut_nothing(start):
    running = start("slow")
    client = running.client()
    client.request("POST", "/score", "0.5")
    wait_for(lambda: "mlmagic_requests_in_flight 1" in running.ask("GET", "/metrics")[1], "the request")
    ended = threading.Event()

    def signal_again():
        while not ended.wait(0.01):
            running.process.send_signal(signal.SIGTERM)

    again = threading.Thread(target=signal_again)
    again.start()
    try:
        assert client.getresponse().status == 200
    finally:
        ended.set()
        again.join()
    assert running.ends() == 0
    client.close()


def test_a_preferred_port_is_taken_when_it_is_free(start):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert start("echo", "--prefer-port", str(port)).report("serving").port == port


def test_it_drains(start):
    running = start("slow")
    answers = []
    client = running.client()
    client.request("POST", "/score", "0.5")
    waiting = threading.Thread(target=lambda: answers.append(client.getresponse()))
    waiting.start()
    wait_for(lambda: "mlmagic_requests_in_flight 1" in running.ask("GET", "/metrics")[1], "the request")
    running.process.send_signal(signal.SIGTERM)
    waiting.join(10)
    assert answers[0].status == 200
    assert answers[0].getheader("Connection") == "close"
    assert running.ends() == 0
    assert read_report(running.folder).phase == "stopped"
    client.close()


@pytest.mark.parametrize("signals", [1, 2])
def test_it_does_not_wait_for_ever(start, signals):
    running = start("slow", "--grace", "0.3" if signals == 1 else "60")
    client, port = running.client(), running.report("serving").port
    client.request("POST", "/score", "30")
    wait_for(lambda: "mlmagic_requests_in_flight 1" in running.ask("GET", "/metrics")[1], "the request")
    running.process.send_signal(signal.SIGTERM)
    # The second must not merge with the first: it is sent once nobody is let in any more.
    with contextlib.suppress(OSError):
        while signals == 2:
            socket.create_connection(("127.0.0.1", port), 5).close()
    if signals == 2:
        running.process.send_signal(signal.SIGINT)
    assert running.ends() == 0
    client.close()


def test_a_library_that_waits_for_ever_at_the_exit_is_not_waited_for(start, tmp_path):
    running = start("hangs_at_exit")
    running.report("serving")
    running.process.send_signal(signal.SIGTERM)
    assert running.ends() == 0
    assert "exit function of Python" in (tmp_path / "log").read_text()


def test_health_is_live_during_a_long_run(start):
    running = start("slow")
    client = running.client()
    client.request("POST", "/score", "3")
    wait_for(lambda: "mlmagic_requests_in_flight 1" in running.ask("GET", "/metrics")[1], "the request")
    begun = time.monotonic()
    assert running.ask("GET", "/")[0] == 200
    assert time.monotonic() - begun < 1.5
    assert "mlmagic_requests_in_flight 1" in running.ask("GET", "/metrics")[1]
    running.process.kill()
    client.close()


def test_a_killed_server_frees_its_directory(start):
    running = start("echo")
    running.report("serving")
    assert holder_alive(running.folder)
    assert not retire(running.folder)
    running.process.kill()
    running.process.wait()
    assert not holder_alive(running.folder)


def test_a_second_server_leaves_without_a_word(start, tmp_path):
    first = start("echo")
    said = first.report("serving")
    assert start("echo").ends() == 75
    assert read_report(first.folder) == said
    assert first.ask()[0] == 200


def test_a_retired_directory_is_not_served(start, tmp_path):
    prepare(tmp_path / "run")
    assert retire(tmp_path / "run")
    assert start("echo").ends() == 75


@pytest.mark.parametrize(
    ("script", "body", "code", "expected"),
    [
        ("prints", "x", 0, {"ok": True, "answer": {"data": "x"}}),
        ("awaits", "x", 0, {"ok": True, "answer": {"ready": [True], "data": "x"}}),
        ("run_raises", "x", 1, {"ok": False, "phase": "run", "type": "ValueError"}),
        ("numpy_example", '{"data": [[0,1,2,3,4,5,6,7,8,9]]}', 0, {"ok": True, "answer": [285]}),
        ("numpy_example", '{"data": 1}', 1, {"ok": False, "phase": "run", "type": "Mismatch"}),
        ("raw_http", "1", 0, {"ok": True, "answer": {"json": 1, "text": "1"}}),
        ("bad_import", "x", 1, {"ok": False, "phase": "import", "type": "ModuleNotFoundError"}),
        ("unserialisable", "x", 1, {"ok": False, "phase": "run", "type": "Unserialisable"}),
    ],
)
def test_a_rehearsal(script, body, code, expected):
    command = [
        sys.executable,
        "-m",
        "mlmagic.scoring",
        "--rehearse",
        "--entry-script",
        str(SCRIPTS / f"{script}.py"),
    ]
    done = subprocess.run(command, input=body, capture_output=True, text=True, timeout=30)
    assert done.returncode == code
    (line,) = done.stdout.splitlines()
    answer = json.loads(line)
    assert {**answer, **answer.get("error", {})}.items() >= expected.items()
