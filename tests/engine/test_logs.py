"""The logs of several services, filtered by time, level and request; of real services."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.log_lines import Level, LogFilter
from mlmagic.engine.engine import Engine
from mlmagic.errors import NotFound, UsageError
from mlmagic.targets.fake import FakeTarget
from tests.support.engines import ON_FAKE, script
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

SCRIPT = """
import subprocess
import sys
def init():
    print("ready")
    subprocess.run(["echo", "written by a program"], check=True)
def run(data):
    print(f"WARNING {data}", file=sys.stderr)
    if "bad" in data:
        raise ValueError("no")
    return data
"""


@pytest.fixture
def served(engine: Engine, tmp_path: Path) -> Engine:
    """Two services that write to their logs."""
    (tmp_path / "score.py").write_text(SCRIPT)
    for name in ("one", "three"):
        record = engine.services.deploy(
            name, [], InferenceConfig(str(tmp_path / "score.py")), DeploymentConfig("local")
        )
        engine.services.wait(record)
    return engine


def lines(engine: Engine, *names: str, count: int = 1000, **wanted: object) -> list[str]:
    return list(engine.logs.lines(names, count, LogFilter(**wanted)))


def score(engine: Engine, name: str, request_id: str, body: bytes = b'"x"') -> None:
    import urllib.error
    import urllib.request

    url = str(engine.services.get(name).scoring_uri)
    headers = {"x-request-id": request_id, "Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers)
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except urllib.error.HTTPError as error:
        error.close()


def test_logs_of_several_services(served: Engine) -> None:
    engine = served
    one = list(engine.services.logs("one"))
    assert "ready" in one  # without the time that is in the file
    assert "written by a program" in one
    score(engine, "one", "r-1")
    wait_for(lambda: lines(engine, "one", level=Level.WARNING), "the line of the first request")
    between = time.time()
    score(engine, "three", "r-2", b'"bad"')
    wait_for(lambda: any("ValueError: no" in line for line in lines(engine, "three")), "the traceback")
    score(engine, "one", "r-3")
    wait_for(lambda: len(lines(engine, "one", level=Level.WARNING)) == 2, "the line of the last request")

    requests = [lines(engine, "one", "three", request_id=f"r-{number}") for number in (1, 2, 3)]
    assert [found[0].partition(" WARNING")[0] for found in requests] == [
        "one   | [r-1]",
        "three | [r-2]",
        "one   | [r-3]",
    ]
    # A traceback belongs to its first line, and lines are in the order of their times.
    warned = lines(engine, "three", "one", level=Level.WARNING)
    assert warned == [*requests[0], *requests[1], *requests[2]]
    errors = lines(engine, level=Level.ERROR)
    assert errors[-1].endswith("ValueError: no")
    assert any("score.py" in line for line in errors)
    assert all(line.startswith("three | [r-2]") for line in errors)
    (last,) = lines(engine, "one", since=between, level=Level.WARNING)
    assert f"one   | {last}" == requests[2][0]
    assert len(lines(engine, "one", until=between, level=Level.WARNING)) == 1
    assert len(lines(engine, "one", "three", count=2)) == 2
    # What a program has written has the time of the line before.
    assert "written by a program" in lines(engine, "one", until=between)
    assert "written by a program" not in lines(engine, "one", since=between)
    with pytest.raises(NotFound, match="'two'"):
        lines(engine, "one", "two")


def test_several_logs_are_followed(served: Engine) -> None:
    followed = served.logs.lines(("one", "three"), 10, LogFilter(level=Level.WARNING), follow=True)
    score(served, "three", "r-1")
    assert next(followed).startswith("three | [r-1] WARNING")
    score(served, "one", "r-2")
    assert next(followed).startswith("one   | [r-2] WARNING")
    alone = served.logs.lines(("one",), 10, LogFilter(request_id="r-2"), follow=True)
    assert [line.partition(" ")[0] for line in islice(alone, 1)] == ["[r-2]"]


def test_a_log_without_times(fake_engine: Engine, fake: FakeTarget) -> None:
    for name in ("one", "two"):
        fake_engine.services.wait(fake_engine.services.deploy(name, [], script(), ON_FAKE))
    assert lines(fake_engine, "one", level=Level.INFO)
    with pytest.raises(UsageError, match="the log of 'one' does not say when its lines were written"):
        lines(fake_engine, "one", since=1.0)
    told = lines(fake_engine, since=1.0)
    assert [line.partition(": the log")[0] for line in told] == [
        f"{name} | mlmagic: this log cannot be read" for name in ("one", "two")
    ]
