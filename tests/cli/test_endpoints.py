"""``mlmagic endpoint realtime``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import exit_code_for, run

REALTIME = ("endpoint", "realtime")
BAD = {
    ("show", "-n", "svc"): "NotFound: Service not found: 'svc'",
    ("create", "-n", "shop", "--vn", "v1", "--entry-script", "score.py"): "version name 'v1' must be",
    ("create", "-n", "shop", "--service", "blue"): "--service 'blue' must be KEY=VALUE",
    ("create", "-n", "shop", "--service", "blue=one", "-m", "net"): "--service names versions already",
    ("create-version", "-n", "svc", "--vn", "green"): "NotFound: Service not found: 'svc'",
    ("update-version", "-n", "svc", "--vn", "green", "--tp", "1"): "NotFound: Service not found: 'svc'",
    ("delete-version", "-n", "svc", "--vn", "green"): "NotFound: Service not found: 'svc'",
    ("traffic", "-n", "svc", "green"): "share 'green' must be VERSION=PERCENT",
    ("switch", "-n", "svc", "--vn", "green"): "NotFound: Service not found: 'svc'",
    ("stick", "-n", "svc", "--by", "cookie"): "sticky_by 'cookie' must be client, body or header:NAME",
    ("rollout", "-n", "svc", "--pause", "--resume"): "exclude each other",
    ("rollout", "-n", "svc", "--vn", "green", "--if", "p99<80"): "has a part that is no condition: 'p99<80'",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_line_on_standard_error(folder: Path, words: tuple[str, ...]) -> None:
    done = run(*REALTIME, *words)
    assert (done.exit_code, done.stdout) == (exit_code_for(BAD[words]), ""), words
    assert BAD[words] in done.stderr


@pytest.mark.processes
def test_an_endpoint_from_its_creation_to_its_deletion(folder: Path) -> None:
    def realtime(*words: str) -> str:
        done = run(*REALTIME, *words)
        assert done.exit_code == 0, done.stderr
        return done.stdout + done.stderr

    (folder / "green.py").write_text('def init(): ...\ndef run(data): return "green"\n')
    realtime("create", "-n", "shop", "--vn", "blue", "--entry-script", "score.py", "--auth")
    assert json.loads(realtime("run", "-n", "shop", "-d", "[1]")) == [1]
    realtime("create-version", "-n", "shop", "--vn", "green", "--entry-script", "green.py", "--tp", "10")
    shown = json.loads(realtime("show", "-n", "shop"))
    assert [(each["name"], each["trafficPercentile"]) for each in shown["versions"]] == [
        ("blue", 0),
        ("green", 10),
    ]
    assert "shop: blue 60 %, green 40 %" in realtime("traffic", "-n", "shop", "green=40")
    realtime("update-version", "-n", "shop", "--vn", "green", "--cvt", "--shadow", "50")
    (folder / "dc.json").write_text('{"computeType": "local", "scoringTimeoutMs": 4321}')
    realtime("update-version", "-n", "shop", "--vn", "green", "--dc", "dc.json", "--cpu", "0.5")
    revisions = json.loads(run("service", "revisions", "-n", "shop-green", "-o", "json").stdout)
    assert "scoring-timeout" in revisions[0]["change"]
    table = realtime("show", "-n", "shop", "-o", "table")
    assert "green    40 %   control" in table
    assert "shop: blue 50 %, green 50 %" in realtime("rollout", "-n", "shop", "--every", "1h")
    realtime("rollout", "-n", "shop", "--pause")
    realtime("rollout", "-n", "shop", "--resume")
    assert "shop: blue 60 %, green 40 %" in realtime("rollout", "-n", "shop", "--revert")
    realtime("stick", "-n", "shop", "--by", "header:X-User")
    assert "shop: blue 0 %, green 100 %" in realtime("switch", "-n", "shop", "--vn", "green")
    assert json.loads(realtime("run", "-n", "shop", "-d", "[1]")) == "green"
    realtime("delete-version", "-n", "shop", "--vn", "blue")
    assert "PrimaryKey" in realtime("get-keys", "-n", "shop").replace("primaryKey", "PrimaryKey")
    assert [each["name"] for each in json.loads(realtime("list", "-o", "json"))] == ["shop"]
    realtime("delete", "-n", "shop")
    assert json.loads(realtime("list", "-o", "json")) == []
