"""The logger `azmlinfsrv`, as Azure ML v1's server has it."""

import builtins
import io
import json
import logging
import re
import sys

import pytest

from mlmagic.scoring import server_logger
from mlmagic.scoring.server_logger import AccessLog, configure_server_logger, print_to_logger

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
SCRIPT = """
import logging, sys
from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse

log = logging.getLogger("azmlinfsrv")

def init():
    print("Initializing", 1, sep="-")
    print("to the error output", file=sys.stderr)
    log.info("from the script")
    log.debug("not shown")

def parts():
    yield "a"
    yield "b"

@rawhttp
def run(request):
    print("A new request")
    return AMLResponse(parts() if request.args else "four", 201)
"""
FORMATTER = "azureml_inference_server_http.log_config.AMLLogFormatter"


def config_of(*names, **more):
    return {
        "version": 1,
        "formatters": {"f": {"class": FORMATTER, "format": "[%(levelname)s] %(name)s | %(message)s"}},
        "handlers": {"h": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "f"}},
        "loggers": {name: {"level": "INFO", "handlers": ["h"], "propagate": False} for name in names},
        **more,
    }


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    monkeypatch.setattr(builtins, "print", builtins.print)
    logger = logging.getLogger(server_logger.NAME)
    before = logger.level, logger.propagate, list(logger.handlers)
    logger.handlers.clear()
    yield
    logger.level, logger.propagate, logger.handlers = before


@pytest.mark.parametrize(
    ("config", "prints", "default"),
    [
        ({}, False, True),
        ({"loggers": None}, False, True),
        ({"loggers": {"mine": {}}}, False, True),
        ({"loggers": {"azmlinfsrv2": {}}}, False, True),
        ({"loggers": {"azmlinfsrv": {}}}, True, False),
        ({"loggers": {"azmlinfsrv.print": {}}}, True, False),
        ({"loggers": {"azmlinfsrv.user_script": {}}}, False, False),
    ],
)
def test_who_gets_what_is_printed(config, prints, default):
    configure_server_logger(config)
    assert (builtins.print is print_to_logger) is prints
    assert bool(logging.getLogger("azmlinfsrv").handlers) is default


def test_each_request_is_logged_where_the_user_has_a_handler():
    configure_server_logger({})
    assert AccessLog.of(str) is None
    logging.getLogger("azmlinfsrv").addHandler(logging.NullHandler())
    assert AccessLog.of(str) is not None


def test_only_standard_output_goes_to_the_logger(monkeypatch):
    configure_server_logger({"loggers": {"azmlinfsrv": {}}})
    kept = []
    handler = logging.Handler()
    handler.emit = lambda record: kept.append((record.name, record.getMessage()))
    logger = logging.getLogger("azmlinfsrv")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    other = io.StringIO()
    print("a %s", 2, sep=None)
    print("b", end="", file=sys.stdout)
    print("c", 1, sep="+", end="!", file=other, flush=True)
    print()
    assert kept == [("azmlinfsrv.print", text) for text in ("a %s 2", "b", "")]
    assert other.getvalue() == "c+1!"


@pytest.mark.processes
def test_without_a_file_a_script_logs_to_it(start_script, tmp_path):
    server = start_script(SCRIPT)
    assert server.ask("GET")[:2] == (201, "four")
    log = (tmp_path / "log").read_text()
    assert re.search(rf"^{STAMP} I \[\d+\] azmlinfsrv - from the script$", log, re.M), log
    assert "not shown" not in log
    assert re.search(r"^Initializing-1", log, re.M)
    assert "GET /score" not in log


@pytest.mark.processes
def test_a_logging_file_formats_prints_and_requests(start_script, tmp_path):
    (tmp_path / "logging.json").write_text(json.dumps(config_of("azmlinfsrv")))
    server = start_script(SCRIPT)
    status, _, fields = server.ask("GET")
    assert status == 201
    assert server.ask("POST", "/score?n=1")[1] == "ab"
    assert server.ask("GET", "/swagger.json?version=9")[0] == 404
    server.ask("GET", "/")
    server.process.terminate()
    assert server.ends() == 0
    lines = (tmp_path / "log").read_text().splitlines()
    mark = re.escape(f"[{fields['x-request-id']}]")
    any_mark = r"\[[0-9a-f-]{36}\]"
    for pattern in (
        r"\[INFO\] azmlinfsrv\.print \| Initializing-1",
        r"\[INFO\] azmlinfsrv \| from the script",
        rf"{mark} \[INFO\] azmlinfsrv\.print \| A new request",
        rf"{mark} \[INFO\] azmlinfsrv \| GET /score 201 \d+\.\d{{3}}ms 4",
        rf"{any_mark} \[INFO\] azmlinfsrv \| POST /score\?n=1 201 \d+\.\d{{3}}ms N/A",
        rf"{any_mark} \[INFO\] azmlinfsrv \| GET /swagger\.json\?version=9 404 \d+\.\d{{3}}ms \d+",
        "to the error output",
    ):
        assert sum(re.fullmatch(pattern, line) is not None for line in lines) == 1, (pattern, lines)
    assert not any("GET / " in line for line in lines)
