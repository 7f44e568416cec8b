"""From `%deploy` to Healthy, and to the first answer: `python -m tests.benchmarks.deployment`.

Three scripts: one without libraries, Ridge by scikit-learn, and a classifier in ONNX, each deployed and
deleted in turn on the local target.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.demo import ONNX_SCRIPT, RIDGE_SCRIPT, train
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location
from tests.benchmarks.measure import table

PLAIN_SCRIPT = "def init():\n    pass\n\n\ndef run(raw_data):\n    return raw_data\n"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    rounds = options.parse_args().rounds
    taken: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        folder = Path(name)
        engine = Engine(Location.of_folder(folder / "workspace"), use_keeper=False)
        ridge, features, onnx_model, flowers = train()
        engine.register(ridge, ModelDescription("ridge"))
        engine.register(onnx_model, ModelDescription("iris"))
        cases = {
            "plain": ([], PLAIN_SCRIPT, {"data": [[1.0]]}),
            "Ridge (scikit-learn)": (["ridge"], RIDGE_SCRIPT, {"data": features[:1].tolist()}),
            "classifier (ONNX)": (["iris"], ONNX_SCRIPT, {"data": flowers[:1].tolist()}),
        }
        for number in range(rounds + 1):
            for case, (models, script, sample) in cases.items():
                inference = InferenceConfig("score.py", script_text=script)
                started = time.perf_counter()
                service = engine.deploy("bench", models, inference)
                recorded = time.perf_counter()
                engine.wait(service)
                healthy = time.perf_counter()
                engine.invoke("bench", sample)
                answered = time.perf_counter()
                engine.delete("bench")
                if number:  # the first round warms the page cache
                    for what, moment in (
                        ("recorded", recorded),
                        ("Healthy", healthy),
                        ("first answer", answered),
                    ):
                        taken.setdefault(f"{case}: {what}", []).append(moment - started)
        engine.close()
    print(table(taken))


if __name__ == "__main__":
    main()
