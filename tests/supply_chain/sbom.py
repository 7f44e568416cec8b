"""Write the software bill of materials (SBOM) of a release: ``bash tests/run sbom [FILE]``.

It lists what a new, empty environment gets from `pip install mlmagic` with all extras for users: CycloneDX,
made by cyclonedx-py from that environment. What only an extra brings is "optional".
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from tests.supply_chain.dependencies import Dependencies

ROOT = Path(__file__).parents[2]


def install(environment: Path, extras: Sequence[str]) -> Dependencies:
    """Create an environment with nothing but mlmagic, those ``extras``, and what they bring."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", environment, "--disable-pip-version-check", "install"),
            *("--quiet", f"{ROOT}[{','.join(extras)}]" if extras else ROOT),
        ],
        check=True,
    )
    return Dependencies(*map(str, environment.glob("lib/python*/site-packages")))


def bill(environment: Path) -> dict[str, Any]:
    """What cyclonedx-py finds in the environment; the same environment gives the same bytes."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cyclonedx_py", "environment", environment / "bin" / "python"),
            *("--pyproject", ROOT / "pyproject.toml", "--mc-type", "library"),
            *("--output-reproducible", "--spec-version", "1.6"),
        ],
        stdout=subprocess.PIPE,
        check=True,
    )
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def of_release(bill: Mapping[str, Any], version: str, base: set[str]) -> dict[str, Any]:
    """The bill with the version of the release, and with what is not in ``base`` as optional."""
    about = bill["metadata"]["component"]
    about = {**about, "version": version, "purl": f"pkg:pypi/{about['name']}@{version}"}
    components = [
        {**each, "scope": "required" if canonicalize_name(each["name"]) in base else "optional"}
        for each in bill["components"]
    ]
    return {**bill, "metadata": {**bill["metadata"], "component": about}, "components": components}


def make(extras: Sequence[str] | None = None) -> dict[str, Any]:
    """The SBOM of this checkout with ``extras``; None: with all that users may install."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "environment"
        wanted = list(Dependencies().of_extra) if extras is None else extras
        installed = install(environment, wanted)
        return of_release(bill(environment), installed.own.version, installed.base)


def main(arguments: Sequence[str]) -> None:
    content = make()
    path = Path(arguments[0]) if arguments else ROOT / "dist" / f"{name_of(content)}.cdx.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"{path}: {len(content['components'])} packages")


def name_of(content: Mapping[str, Any]) -> str:
    """The release, as its other files begin: ``mlmagic-0.1.0``."""
    about = content["metadata"]["component"]
    return f"{about['name']}-{about['version']}"


if __name__ == "__main__":
    main(sys.argv[1:])
