"""/swagger.json holds all that the reference server's holds, but for its texts and what it says wrongly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scoring.differential import servers
from tests.scoring.differential.exchange import Request, send
from tests.scoring.differential.zoo import FOLDER
from tests.support.environments import python_with

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

VERSIONS = ("2", "3", "3.1")
CORRECTED = (
    "/paths//swagger.json/get/parameters/0/type",  # 3.1 is no integer
    "/paths//swagger.json/get/parameters/0/enum",
    "/paths//swagger.json/get/parameters/0/schema/type",
    "/paths//swagger.json/get/parameters/0/schema/enum",
    "/paths//swagger.json/get/responses/200/schema/type",  # the document is an object, as JSON
    "/paths//swagger.json/get/responses/200/content/text/plain",
)


@pytest.mark.parametrize("script", ["echo", "doc_numpy", "doc_pandas", "several_parameters", "only_output"])
def test_all_of_the_references_description_is_in_ours(script: str, tmp_path: Path) -> None:
    python = python_with(Path(__file__).with_name("requirements.txt"), "reference")
    path = FOLDER / "scripts" / f"{script}.py"
    with (
        servers.ours(servers.OUR_PYTHON, path, tmp_path, {}) as ours,
        servers.reference(python, path, tmp_path, {}) as theirs,
    ):
        assert ours.port, ours.log
        assert theirs.port, theirs.log
        for version in VERSIONS:
            request = Request("description", "GET", f"/swagger.json?version={version}")
            there, here = send(theirs.port, request), send(ours.port, request)
            assert (there.status, here.status) == (200, 200)
            lacking = list(missing(json.loads(there.body), json.loads(here.body)))
            assert [place for place in lacking if place not in CORRECTED] == [], (script, version)


def missing(theirs: Any, ours: Any, place: str = "") -> Iterator[str]:
    """The places of ``theirs`` that ``ours`` has not, or has otherwise; descriptions do not count."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name, value in theirs.items():
            if name != "description":
                yield from missing(value, ours.get(name), f"{place}/{name}")
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for number, (there, here) in enumerate(zip(theirs, ours, strict=True)):
            yield from missing(there, here, f"{place}/{number}")
    elif theirs != ours:
        yield place
