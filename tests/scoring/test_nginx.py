"""nginx reads our corpus as we do: what it refuses we refuse, and in front of us it adds no request."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.waiting import wait_for

from .hostile import ACCEPTED, GET, HOST, REFUSED, exchange, get, statuses

pytestmark = pytest.mark.processes

LAST = get(fields=HOST + b"Connection: close\r\n")
COUNTS = """
def init():
    global seen
    seen = 0
def run(data):
    global seen
    seen += 1
    return seen
"""
CONFIGURATION = """
daemon off;
worker_processes 1;
pid pid;
error_log error.log info;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_max_body_size 100m;
    large_client_header_buffers 8 64k;
    keepalive_requests 100000;
    server {{
        listen unix:{folder}/alone;
        location / {{ return 200; }}
    }}
    upstream ours {{
        server 127.0.0.1:{port};
        keepalive 4;
    }}
    server {{
        listen unix:{folder}/before;
        location / {{
            proxy_pass http://ours;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


@pytest.fixture
def nginx(start_script) -> Iterator[SimpleNamespace]:
    """nginx alone and before our server, at two sockets."""
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("nginx is not installed")
        pytest.skip("nginx is not installed")
    ours = start_script(COUNTS, "--allowed-hosts", "ours")
    port = ours.report("serving").port
    # The names of sockets must be short, so not in tmp_path.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # its worker has a user of its own
        (folder / "conf").write_text(CONFIGURATION.format(folder=folder, port=port))
        process = subprocess.Popen([program, "-p", name, "-c", "conf", "-e", "error.log"])
        try:
            wait_for((folder / "pid").exists, (folder / "error.log").read_text, timeout=10)
            yield SimpleNamespace(
                alone=f"{name}/alone", before=f"{name}/before", port=port, seen=lambda: int(ours.ask()[1])
            )
        finally:
            process.terminate()
            process.wait(10)


def test_nginx_refuses_nothing_that_we_answer(nginx):
    refused = {name for name, request, _ in ACCEPTED if _refuses(exchange(nginx.alone, request + LAST))}
    assert refused == set()


def test_nginx_sees_as_many_requests_as_we_do(nginx):
    for name, request, count in ACCEPTED:
        assert statuses(exchange(nginx.alone, request + LAST)) == [200] * (count + 1), name


def test_before_us_it_adds_no_request_and_loses_none(nginx):
    everything = [(name, request) for name, request, _ in (*ACCEPTED, *REFUSED)]
    seen = nginx.seen()
    for name, request in everything:
        # Some it passes on and waits for the rest of: the connection is closed on it.
        answer = exchange(nginx.before, request + GET + LAST, patience=1)
        # It speaks HTTP/0.9 to whoever does: an answer without a head.
        answered = statuses(answer) or [200] * bool(answer)
        now = nginx.seen()
        assert now - seen - 1 == answered.count(200) - answer.count(b"Healthy"), (name, answered)
        assert not [status for status in answered if status in (500, 502, 504)], (name, answered)
        seen = now


def _refuses(answer: bytes) -> bool:
    return any(status >= 400 for status in statuses(answer))
