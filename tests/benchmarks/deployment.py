"""From `%deploy` to Healthy, and to the first answer: `python -m tests.benchmarks.deployment`.

Three scripts: one without libraries, Ridge by scikit-learn, and a classifier in ONNX; each as an ordinary
process and as a fork of a warm zygote, deployed and deleted in turn on the local target.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.demo import ONNX_SCRIPT, RIDGE_SCRIPT, train
from mlmagic.engine.engine import Engine
from mlmagic.targets.local import zygote
from mlmagic.workspace.location import Location
from tests.benchmarks.measure import table

PLAIN_SCRIPT = "def init():\n    pass\n\n\ndef run(raw_data):\n    return raw_data\n"
# Read by libraries when they are imported, and so never given to a fork: see mlmagic.targets.local.zygote.
NOT_FORKED = {"OMP_MLMAGIC_BENCHMARK": "1"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    rounds = options.parse_args().rounds
    taken: dict[str, list[float]] = {}
    zygote.start()
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        engine = Engine(Location.of_folder(Path(name)), use_daemon=False)
        cases = _cases(engine)
        for number in range(rounds + 1):
            for case, (models, script, sample) in cases.items():
                for way, variables in (("process", NOT_FORKED), ("fork", {})):
                    moments = _measure(engine, models, script, sample, variables)
                    if number:  # the first round warms the zygote and the page cache
                        for what, seconds in moments.items():
                            taken.setdefault(f"{case}, {way}: {what}", []).append(seconds)
        engine.close()
    zygote.stop()
    print(table(taken))


def _cases(engine: Engine) -> dict[str, tuple[list[str], str, Any]]:
    ridge, patients, onnx_model, flowers = train()
    engine.models.register(ridge, ModelDescription("ridge"))
    engine.models.register(onnx_model, ModelDescription("iris"))
    return {
        "plain": ([], PLAIN_SCRIPT, {"data": [[1.0]]}),
        "Ridge": (["ridge"], RIDGE_SCRIPT, {"data": patients[:1].tolist()}),
        "ONNX": (["iris"], ONNX_SCRIPT, {"data": flowers[:1].tolist()}),
    }


def _measure(
    engine: Engine, models: list[str], script: str, sample: Any, variables: dict[str, str]
) -> dict[str, float]:
    """Seconds from the start of a deploy; the service is deleted again."""
    inference = InferenceConfig("score.py", script_text=script)
    config = DeploymentConfig(environment_variables=variables)
    started = time.perf_counter()
    service = engine.services.deploy("bench", models, inference, config)
    moments = {"recorded": time.perf_counter() - started}
    engine.services.wait(service)
    moments["Healthy"] = time.perf_counter() - started
    engine.requests.score("bench", sample)
    moments["first answer"] = time.perf_counter() - started
    engine.services.delete("bench")
    return moments


if __name__ == "__main__":
    main()
