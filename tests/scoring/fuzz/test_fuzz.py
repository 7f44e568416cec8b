"""The promises of `target`: for what was found once, and for what is made up in a short while."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..hostile import ACCEPTED, GET, REFUSED
from . import reference

SEEDS = Path(__file__).with_name("seeds")
ROOT = Path(__file__).parents[3]
SECONDS = 15


def test_the_reference_reads_the_table_as_it_is_written():
    for name, request, count in ACCEPTED:
        assert reference.requests(request + GET) == count + 1, name


@pytest.mark.parametrize(
    "name", ["CL.TE", "TE.CL", "no host", "two lengths", "the chunk size b'0x1'", "HTTP/1.2"]
)
def test_the_reference_is_strict(name):
    (request,) = (request for known, request, _ in REFUSED if known == name)
    assert reference.requests(GET + request + GET) == 1


@pytest.mark.processes
def test_what_was_found_is_found_no_more(tmp_path):
    fuzz(tmp_path, "-runs=0")


@pytest.mark.processes
def test_nothing_new_is_found_in_a_short_while(tmp_path):
    said = fuzz(tmp_path, f"-max_total_time={SECONDS}", "-max_len=4096")
    # Without instrumentation it would be guided by nothing.
    assert int(said.rpartition("cov: ")[2].split()[0]) > 100


def fuzz(folder, *options):
    """Run the target with the table and the seeds; what it says."""
    if importlib.util.find_spec("atheris") is None:
        # It is made for Linux, and for a new Python some time after that has come.
        (pytest.fail if os.environ.get("CI") else pytest.skip)("atheris is not installed")
    corpus = folder / "corpus"
    corpus.mkdir()
    # It limits the most memory that it ever had, which Linux hands on from whoever has started it. A shell in
    # between, which has to come back for `exit`, has little.
    done = subprocess.run(
        [
            "sh",
            "-c",
            '"$@"; exit $?',
            "sh",
            sys.executable,
            "-m",
            "tests.scoring.fuzz.target",
            str(corpus),
            str(SEEDS),
            *options,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [each.read_bytes() for each in (*folder.glob("crash-*"), *folder.glob("slow-*"))]
    assert done.returncode == 0, (found, done.stderr[-3000:])
    return done.stderr
