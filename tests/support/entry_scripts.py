"""Entry scripts of several tests, as text."""

from __future__ import annotations

from mlmagic.core.configuration import InferenceConfig

SLEEPY = "import time\ndef init(): pass\ndef run(data):\n    time.sleep(0.01)\n    return 1\n"
READS_MODEL = """
import json, os

def init():
    global model
    model = open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "net.bin")).read()

def run(data):
    return [model, os.environ.get("GREETING"), json.loads(data)]
"""


def inline(text: str) -> InferenceConfig:
    """An entry script that is given as text."""
    return InferenceConfig("score.py", script_text=text)
