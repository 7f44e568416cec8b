"""What is imported at each start: no library and no room of mlmagic that this start does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.imports import room_of
from tests.support.started_server import Started

pytestmark = [pytest.mark.together, pytest.mark.processes]

HEAVY = {
    "cloudevents",
    "cyclonedx",
    "dask",
    "distributed",
    "docker",
    "filelock",
    "fsspec",
    "kubernetes",
    "matplotlib",
    "onnxruntime",
    "sklearn",
    "sqlalchemy",
    "numpy",
    "pandas",
    "psycopg",
    "pyarrow",
    "requests",
    "scipy",
    "urllib3",
}
OF_EACH_COMMAND = {"cli", "errors", "visible_text", "_version", "__main__"}
"""The rooms that every command imports."""
SMALL = {"mlmagic.core", "mlmagic.core.decimals", "mlmagic.core.missing_packages"}
"""What it imports of other rooms."""
NOT_OF_EACH_ENGINE = {
    "alerts.alerts",
    "batch.batch",
    "batch.runner",
    "drift.drift",
    "environments.nearest",
    "models.notebook_definitions",
    "packages.packages",
    "pipeline_endpoints.server",
    "profiles.profiles",
    "services.parity",
    "services.supervisor",
}
"""Modules of the engine that are imported when they are used."""
NOT_OF_EACH_SERVER = {
    "csv",
    "email.parser",
    "encodings.idna",
    "gzip",
    "hashlib",
    "http.client",
    "mlmagic.scoring.collection.recorded_bodies",
    "mlmagic.scoring.collection.stores",
    "mlmagic.scoring.telemetry.telemetry",
    "msgspec",
}
"""Modules that only authentication, data collection, telemetry, typed inputs or names in Unicode need."""


def loaded_by(code: str) -> set[str]:
    """The modules that ``code`` imports, with those that it prints as imported before it left out."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint(*set(sys.modules) - before)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def packages_in(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def rooms_in(modules: set[str]) -> set[str]:
    ours = {name for name in modules if name.startswith("mlmagic.")}
    return {room_of(name) for name in ours - SMALL}


def test_loading_the_extension() -> None:
    loaded = loaded_by(
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "before = set(sys.modules)\n"
        "shell.run_line_magic('load_ext', 'mlmagic')\n"
    )
    assert "mlmagic.magics.extension" in loaded
    assert not packages_in(loaded) & (HEAVY | {"secrets", "statistics", "uuid", "zoneinfo"})
    assert "importlib.metadata" not in loaded
    assert not rooms_in(loaded) & {"widgets", "workspace", "cli"}
    assert not {name for name in loaded if name.startswith(("mlmagic.engine.", "mlmagic.sdk.workspace"))}
    assert not loaded & {"mlmagic.capture.script", "mlmagic.capture.requirements"}
    # The options of a magic are a table; what their values become is imported when the magic is used.
    assert not loaded & {"mlmagic.core.alert", "mlmagic.core.drift", "mlmagic.core.webservice"}


def test_the_command_itself() -> None:
    loaded = loaded_by(
        "import sys\n"
        "before = set(sys.modules)\n"
        "from mlmagic.cli import cli\n"
        "cli(['--version'], standalone_mode=False)\n"
    )
    assert "mlmagic.cli.base" in loaded
    assert rooms_in(loaded) <= OF_EACH_COMMAND
    assert "mlmagic.cli.services" not in loaded
    assert not packages_in(loaded) & {*HEAVY, "IPython"}


def test_a_list_of_services(tmp_path: Path) -> None:
    loaded = loaded_by(
        "import os, sys\n"
        f"os.environ['MLMAGIC_WORKSPACE'] = {str(tmp_path)!r}\n"
        "before = set(sys.modules)\n"
        "from mlmagic.cli import cli\n"
        "cli(['service', 'list'], standalone_mode=False)\n"
    )
    assert "mlmagic.engine.engine" in loaded
    assert not packages_in(loaded) & (HEAVY - {"sqlalchemy"} | {"IPython", "packaging"})


def test_opening_a_workspace(tmp_path: Path) -> None:
    loaded = loaded_by(
        "import sys\n"
        "before = set(sys.modules)\n"
        "from pathlib import Path\n"
        "from mlmagic.engine.engine import Engine\n"
        "from mlmagic.workspace.location import Location\n"
        f"Engine(Location.of_folder(Path({str(tmp_path)!r})), use_daemon=False).close()\n"
    )
    assert "mlmagic.engine.engine" in loaded
    assert not packages_in(loaded) & (HEAVY - {"sqlalchemy"} | {"IPython", "packaging"})
    assert not {name.removeprefix("mlmagic.engine.") for name in loaded} & NOT_OF_EACH_ENGINE


def test_serving_a_script(tmp_path: Path) -> None:
    script = "import sys\ndef init(): pass\ndef run(data): return list(sys.modules)\n"
    server = Started(tmp_path, script=script, command=("mlmagic", "serve")).up()
    try:
        loaded = set(server.score().json())
    finally:
        server.stop()
    assert "mlmagic.scoring.server" in loaded
    assert rooms_in(loaded) <= {*OF_EACH_COMMAND, "scoring"}
    assert "mlmagic.cli.services" not in loaded
    assert not packages_in(loaded) & {*HEAVY, "IPython"}
    assert not loaded & NOT_OF_EACH_SERVER
