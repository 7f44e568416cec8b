"""Every call of a plain run() is made on the thread that ran init(), whatever the calls before it took."""

import json
import signal
import threading
import time
from pathlib import Path

import pytest

from mlmagic.scoring.calls.script_thread import PATIENCE_S
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

LONG = str(3 * PATIENCE_S)
MIXED = ["0"] * 3 + [LONG] * 2 + ["0"] * 100 + [LONG, "0", LONG, "0"]
"""Bodies: how long run() is to take."""

TIME = "import json, time\n{}\ndef run(raw):\n    time.sleep(json.loads(raw))\n    return {}\n"
"""A script: init(), and what run() returns after the time that it was asked to take."""

SCRIPTS = {
    "thread": (
        "import threading\ndef init():\n    global ident\n    ident = threading.get_ident()",
        "threading.get_ident() == ident and threading.current_thread() is threading.main_thread()",
    ),
    "threading.local": (
        "import threading\nown = threading.local()\ndef init(): own.value = True",
        "getattr(own, 'value', None)",
    ),
    "contextvars": (
        "import contextvars\nown = contextvars.ContextVar('own', default=False)\ndef init(): own.set(True)",
        "own.get()",
    ),
    "sqlite3": (
        "import sqlite3\ndef init():\n    global c\n    c = sqlite3.connect(':memory:')",
        "c.execute('select 1').fetchone() == (1,)",
    ),
    "decimal": (
        "import decimal\ndef init(): decimal.getcontext().prec = 4",
        "str(decimal.Decimal(1) / 3) == '0.3333'",
    ),
    "sklearn": (
        "import sklearn\nsklearn.set_config(transform_output='pandas')\n"
        "def init(): sklearn.set_config(assume_finite=True)",
        "[sklearn.get_config()[name] for name in ('transform_output', 'assume_finite')] == ['pandas', True]",
    ),
    "asyncio.run": (
        "import asyncio\nasync def answer(): return True\ndef init(): pass",
        "asyncio.run(answer())",
    ),
    "asyncio.get_event_loop": (
        "import asyncio, warnings\nasync def answer(): return True\n"
        "def init(): warnings.simplefilter('ignore', DeprecationWarning)",
        "asyncio.get_event_loop().run_until_complete(answer())",
    ),
    "a loop of init()": (
        "import asyncio\nasync def answer(): return True\n"
        "def init():\n    global loop\n    loop = asyncio.new_event_loop()",
        "loop.run_until_complete(answer())",
    ),
    "uvloop": ("import uvloop\nasync def answer(): return True\ndef init(): pass", "uvloop.run(answer())"),
    "signal.alarm": (
        "import signal\ndef init(): pass",
        "signal.signal(signal.SIGALRM, lambda *_: None) is not None and signal.alarm(5) == 0 "
        "and signal.alarm(0) == 5",
    ),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_run_sees_what_belongs_to_the_thread_of_init(start_script, script):
    running = start_script(TIME.format(*SCRIPTS[script]))
    client = running.client()
    for body in MIXED:
        client.request("POST", "/score", body)
        response = client.getresponse()
        assert (response.status, response.read()) == (200, b"true"), body
    client.close()


def test_many_connections_at_once(start_script):
    """Calls that are quick and long, in no order: one thread, and each its own answer."""
    text = (
        "import json, threading, time\ndef init():\n    global ident\n    ident = threading.get_ident()\n"
        "def run(raw):\n    number = json.loads(raw)\n    time.sleep(0.12 if number % 47 == 0 else 0)\n"
        "    return [number, threading.get_ident() == ident]\n"
    )
    running = start_script(text)
    wrong = []

    def ask(first):
        client = running.client()
        for number in range(first, first + 100):
            client.request("POST", "/score", str(number))
            answer = json.loads(client.getresponse().read())
            if answer != [number, True]:
                wrong.append(answer)
        client.close()

    clients = [threading.Thread(target=ask, args=[first * 1000]) for first in range(8)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    assert wrong == []


@pytest.mark.parametrize("quick", [0, 100])
def test_health_is_live_during_a_long_run_after_quick_ones(start_script, quick):
    running = start_script(TIME.format("def init(): pass", "1"))
    client = running.client()
    for _ in range(quick):
        client.request("POST", "/score", "0")
        client.getresponse().read()
    health = running.client()  # connected before: it is served, too
    health.request("GET", "/")
    health.getresponse().read()
    client.request("POST", "/score", "2")
    time.sleep(0.1)
    begun = time.monotonic()
    health.request("GET", "/")
    assert health.getresponse().read() == b"Healthy"
    assert running.ask("GET", "/")[1] == "Healthy"
    assert time.monotonic() - begun < 1
    assert client.getresponse().read() == b"1"
    client.close()
    health.close()


@pytest.mark.parametrize("during", ["0", "1"])
def test_a_signal_stops_the_server_during_a_call_too(start_script, during):
    """Even in C, which no Python signal handler interrupts."""
    text = (
        "import hashlib, json\ndef init(): pass\n"
        "def run(raw):\n    if json.loads(raw):\n        hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)\n"
        "    return 1\n"
    )
    running = start_script(text, "--grace", "0.2")
    client = running.client()
    client.request("POST", "/score", during)
    time.sleep(0.2)
    running.process.send_signal(signal.SIGTERM)
    assert running.ends() == 0
    assert running.report("stopped").phase == "stopped"
    client.close()


def test_a_scripts_own_loop_may_take_the_wakeup_descriptor(start_script):
    text = (
        "import asyncio, signal\ndef init(): pass\n"
        "async def answer():\n"
        "    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, print)\n    return 1\n"
        "def run(raw): return asyncio.run(answer())\n"
    )
    running = start_script(text)
    assert running.ask()[:2] == (200, "1")
    # A signal that comes earlier is seen by the interpreter before it waits.
    stat = Path(f"/proc/{running.process.pid}/stat")
    wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S", "the server waits for requests")
    running.process.send_signal(signal.SIGTERM)
    assert running.ends() == 0


def test_a_process_that_run_has_forked_ends_by_a_signal_and_the_server_does_not(start_script):
    text = (
        "import multiprocessing, time\nfork = multiprocessing.get_context('fork')\ndef init(): pass\n"
        "def work(begun):\n    begun.set()\n    time.sleep(60)\n"
        "def run(raw):\n    begun = fork.Event()\n    child = fork.Process(target=work, args=(begun,))\n"
        "    child.start()\n    begun.wait(5)\n    child.terminate()\n    child.join(5)\n"
        "    return child.exitcode\n"
    )
    running = start_script(text)
    for _ in range(3):
        assert running.ask()[:2] == (200, str(-signal.SIGTERM))
    assert running.ask("GET", "/")[1] == "Healthy"


def test_reloading_stays_on_the_thread(make_script, make_scorer, tmp_path):
    from mlmagic.scoring.reload.reloader import Reloader

    text = (
        "import threading\nident = threading.get_ident()\ndef init():\n    global begun\n"
        "    begun = threading.get_ident()\n"
        "def run(data): return ident == begun == threading.get_ident()\n"
    )
    scorer = make_scorer(make_script(text))
    reloader = Reloader(scorer, tmp_path / "score.py", scorer.use)
    (tmp_path / "score.py").write_text("print()\n" + text)
    assert scorer.thread.run(reloader.handle({}))[0]["init"] is True
    module = scorer.script.module
    assert module.ident == module.begun == threading.get_ident()
