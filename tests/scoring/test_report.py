import socket
import subprocess
import sys

from mlmagic.scoring import report
from mlmagic.scoring.report import Report, RunDirectory, holder_alive, prepare, read_report, retire
from mlmagic.scoring.wakeup import notify

HOLDER = """
import fcntl, sys
lock = open(sys.argv[1], "r+")
fcntl.lockf(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_the_last_word_is_read(tmp_path):
    prepare(tmp_path / "run")
    assert read_report(tmp_path / "run") is None
    directory = RunDirectory.claim(tmp_path / "run")
    directory.write(report.SERVING, url="http://127.0.0.1:1", port=1)
    said = read_report(tmp_path / "run")
    assert isinstance(said, Report)
    assert (said.phase, said.port, said.error) == ("serving", 1, None)
    prepare(tmp_path / "run")
    assert read_report(tmp_path / "run") is None


def test_nobody_holds_what_is_not_there(tmp_path):
    assert not holder_alive(tmp_path / "gone")
    assert retire(tmp_path / "gone")
    assert read_report(tmp_path / "gone") is None


def test_a_held_directory_cannot_be_retired_and_a_left_one_can(tmp_path):
    prepare(tmp_path)
    lock = str(tmp_path / report.LOCK)
    with subprocess.Popen(
        [sys.executable, "-S", "-c", HOLDER, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        assert holder_alive(tmp_path)
        assert not retire(tmp_path)
        holder.stdin.close()
        holder.wait(5)
    assert not holder_alive(tmp_path)
    assert retire(tmp_path)
    assert not (tmp_path / report.LOCK).exists()


def test_wakeup_signals_are_sent(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        (tmp_path / str(listener.getsockname()[1])).touch()
        (tmp_path / "not-a-port").touch()
        notify(tmp_path)
        assert listener.recv(8) == b"\x07"


def test_a_missing_listener_is_no_error(tmp_path):
    notify(tmp_path / "gone")
    notify(None)
    notify("")
