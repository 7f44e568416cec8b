"""Starts the runs that requests ask for, each in a process of its own, which goes on when the server ends.

The process checks the request against the pipeline, begins the run, and reports the answer through a pipe. If
the server is killed meanwhile, the process goes on: a request that has arrived starts one run.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Any

from mlmagic.targets.python_path import python_path
from mlmagic.workspace.location import Location

LOCATION_VARIABLE = "MLMAGIC_PIPELINE_WORKSPACE"
"""The environment variable with the workspace, as JSON, of the server and of the processes that it starts."""
ANSWER_VARIABLE = "MLMAGIC_PIPELINE_ANSWER"
"""The environment variable with the file descriptor that the answer is written to."""
STARTS_AT_ONCE = 8
START_SECONDS = 120.0
_SHOWN_BYTES = 2000
_READ_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """The status and the JSON body of an answer."""

    status: int
    body: dict[str, Any]


def refusal(status: int, message: str) -> Answer:
    """An answer with an error, in the form that Azure ML v1 has."""
    code = HTTPStatus(status).phrase.replace(" ", "")
    return Answer(status, {"error": {"code": code, "message": message[:_SHOWN_BYTES]}})


class Submissions:
    """The runs of one workspace. ``module`` is run as the process that begins a run."""

    def __init__(self, location: Location, module: str) -> None:
        self._location, self._module = location, module
        self._starts = threading.BoundedSemaphore(STARTS_AT_ONCE)
        self._going_on: list[subprocess.Popen[bytes]] = []

    def submit(self, target: str, body: str, variables: Mapping[str, str]) -> Answer:
        """Start the run of the pipeline at the path ``target``; returns when it has begun, or was refused.

        ``variables`` are more environment variables of its process.
        """
        given = json.dumps({"target": target, "body": body, "run_id": uuid.uuid4().hex})
        with self._starts:
            return self._start(given, variables)

    def reap(self) -> int:
        """Forget the processes that have ended; returns how many go on."""
        for process in list(self._going_on):
            if process.poll() is not None:
                self._going_on.remove(process)
        return len(self._going_on)

    def _start(self, request: str, variables: Mapping[str, str]) -> Answer:
        reading, writing = os.pipe()
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output:
            given.write(request.encode("utf-8"))
            given.seek(0)
            try:
                process = subprocess.Popen(
                    [sys.executable, "-m", self._module],
                    stdin=given,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    cwd="/",
                    pass_fds=(writing,),
                    # Not arguments: every user of the machine can see those.
                    env={
                        **os.environ,
                        **variables,
                        "PYTHONPATH": python_path(),
                        LOCATION_VARIABLE: self._location.to_json(),
                        ANSWER_VARIABLE: str(writing),
                    },
                )
            except OSError as error:
                os.close(reading)
                return refusal(500, f"the run was not started: {sys.executable}: {error.strerror}")
            finally:
                os.close(writing)
            self._going_on.append(process)
            with os.fdopen(reading, "rb", buffering=0) as answers:
                return _answer(answers, process, output)


def _answer(answers: IO[bytes], process: subprocess.Popen[bytes], output: IO[bytes]) -> Answer:
    """The answer of the process. One that gives none within `START_SECONDS` is killed."""
    text = b""
    while select.select([answers], [], [], START_SECONDS)[0]:
        part = answers.read(_READ_BYTES)
        text += part
        if not part:
            break
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return refusal(504, f"the run had not begun after {START_SECONDS:g} seconds, and was stopped")
    try:
        status, body = json.loads(text)
        return Answer(int(status), dict(body))
    except (ValueError, TypeError):
        code = process.wait()
        output.seek(max(0, output.seek(0, os.SEEK_END) - _SHOWN_BYTES))
        last = output.read().decode("utf-8", errors="replace").strip()
        return refusal(500, f"the process of the run ended with exit code {code}. {last}".strip())
