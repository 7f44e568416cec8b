"""From a notebook cell to a script that runs without the notebook: source, never pickles."""

from mlmagic.capture.entry import validate
from mlmagic.capture.script import CapturedScript, capture

__all__ = ["CapturedScript", "capture", "validate"]
