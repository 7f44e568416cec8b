"""What the start of a container consists of: `python -m tests.benchmarks.container_starts`.

The image of a service with a scikit-learn model, as the target docker builds it, is started again and again
with that target's limits, and prints when it reaches each part. Beside it: without the bytecode of the
standard library, with libraries that were imported beforehand, and with several processes. Variants take
turns.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.targets.docker.connection import connect, current
from mlmagic.targets.images.dockerfile import APP, MODELS, PORT, PYTHON
from mlmagic.workspace.location import Location
from tests.benchmarks.containers import Ours, answered, model
from tests.support.docker_engine import BASE_IMAGE, running

LIBRARIES = ("joblib", "sklearn.linear_model")
PROGRAM = """
import importlib, json, os, sys, time

for name in filter(None, os.environ.pop("IMPORTED_BEFORE").split(",")):
    importlib.import_module(name)
reached = {"first instruction": time.time()}
from mlmagic.scoring.__main__ import main
from mlmagic.scoring import script, server

reached["server imported"] = time.time()
load, init = script.UserScript.load, script.UserScript.init


def loaded(*given, **options):
    made = load(*given, **options)
    reached["script imported"] = time.time()
    return made


def initialised(self):
    result = init(self)
    reached["init() returned"] = time.time()
    print("REACHED", json.dumps(reached), flush=True)
    return result


script.UserScript.load, script.UserScript.init = loaded, initialised
os._exit(main())
"""
ARGUMENTS = ["--entry-script", "score.py", "--source-directory", APP, "--model-dir", f"{MODELS}/bench/1"]
ARGUMENTS += ["--host", "0.0.0.0", "--port", str(PORT), "--no-auth"]
WITHOUT_BYTECODE = """
FROM {image}
USER root
RUN find /usr/lib/python3* -name __pycache__ -prune -exec rm -r {{}} +
USER 10001
"""


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to start the container."""

    image: str
    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    rounds = options.parse_args().rounds
    with running() as docker, tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        os.environ |= {"DOCKER_HOST": docker.host, "MLMAGIC_BASE_IMAGE": BASE_IMAGE}
        with _image(Path(name)) as image:
            without = Path(name) / "without"
            without.mkdir()
            (without / "Dockerfile").write_text(WITHOUT_BYTECODE.format(image=image))
            docker.docker("build", "--tag", "without-bytecode", str(without))
            libraries, four = ",".join(LIBRARIES), {"WORKER_COUNT": "4"}
            variants = {
                "as built": Variant(image),
                "without the bytecode of the standard library": Variant("without-bytecode"),
                "libraries imported before": Variant(image, variables={"IMPORTED_BEFORE": libraries}),
                "4 processes, nothing shared": Variant(image, variables=four),
                "4 processes that share": Variant(image, ("--preload", libraries), four),
            }
            found: dict[str, list[dict[str, float]]] = {title: [] for title in variants}
            for _ in range(rounds + 1):
                for title, variant in variants.items():
                    found[title].append(_started(variant))
            for title, starts in found.items():
                print(title)
                for part in starts[0]:
                    values = sorted(start[part] for start in starts[1:])  # the first one fills caches
                    print(f"  {part:<42}{values[0]:8.0f}{median(values):8.0f}{values[-1]:8.0f}")


@contextmanager
def _image(folder: Path) -> Iterator[str]:
    """The image of the service, for as long as the block lasts."""
    engine = Engine(Location.of_folder(folder / "workspace"), use_daemon=False)
    try:
        engine.models.register(str(model(folder)), ModelDescription("bench"))
        Ours(engine).deploy(0)
        api = connect(current())
        (tag,) = (image["RepoTags"][0] for image in api.images("mlmagic/bench"))
        engine.services.stop("bench")
        yield tag
    finally:
        for service in engine.services.names():
            engine.services.delete(service)
        engine.close()


def _started(variant: Variant) -> dict[str, float]:
    """Milliseconds of each part of one start, and the memory afterwards."""
    api: Any = connect(current())
    host = api.create_host_config(
        port_bindings={PORT: ("127.0.0.1", None)},
        mem_limit="2g",
        nano_cpus=2_000_000_000,
        read_only=True,
        tmpfs={"/tmp": ""},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
    )
    began = time.time()
    made = api.create_container(
        variant.image,
        [*ARGUMENTS, *variant.arguments],
        entrypoint=[PYTHON, "-c", PROGRAM],
        environment={"IMPORTED_BEFORE": "", **variant.variables},
        ports=[PORT],
        host_config=host,
    )["Id"]
    api.start(made)
    try:
        answered(f"http://127.0.0.1:{api.port(made, PORT)[0]['HostPort']}/score")
        end = time.time()
        lines = [line for line in api.logs(made).decode().splitlines() if "REACHED" in line]
        reached = json.loads(lines[0].partition("REACHED")[2])
        first = psutil.Process(api.inspect_container(made)["State"]["Pid"])
        memory = sum(each.memory_full_info().pss for each in (first, *first.children(recursive=True)))
    finally:
        api.remove_container(made, force=True)
    times = {**reached, "first answer": end}
    parts, before = {}, began
    for name, at in times.items():
        parts[f"until: {name}"], before = (at - before) * 1000, at
    parts["first instruction to first answer"] = (end - reached["first instruction"]) * 1000
    return {**parts, "all, in ms": (end - began) * 1000, "memory (PSS), in MB": memory / 2**20}


if __name__ == "__main__":
    main()
