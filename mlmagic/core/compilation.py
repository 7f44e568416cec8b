"""The result of compiling a model to ONNX: what was compiled and how it was compared, or why not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Compilation:
    """A model file that was compiled to ONNX, or the reason why it is served as it is."""

    reason: str = ""
    """Why the model is not compiled, in one sentence; empty if it is."""
    methods: tuple[str, ...] = ()
    """The methods that onnxruntime runs, such as ``("predict", "predict_proba")``."""
    tolerance: float = 0.0
    """The largest relative difference that was allowed between the numbers of the two."""
    rows: int = 0
    """How many rows the outputs of the two were compared on."""
    originals: tuple[tuple[str, str], ...] = ()
    """The methods of a compiled model that the original runs, each with the reason in one sentence."""

    @classmethod
    def refused(cls, reason: str) -> Compilation:
        """The result for a model that is not compiled."""
        if not reason:
            raise ValueError("a model that is not compiled needs a reason")
        return cls(reason=reason)

    @property
    def is_compiled(self) -> bool:
        """Whether the model is served by onnxruntime."""
        return not self.reason

    @property
    def words(self) -> str:
        """The result for people, in one line."""
        if not self.is_compiled:
            return f"Not compiled: {self.reason}"
        compiled = f"Compiled: {', '.join(self.methods)} (equal to {self.tolerance:g} on {self.rows:,} rows)"
        if not self.originals:
            return compiled
        return " ".join([f"{compiled}.", *(f"Not compiled: {name}. {why}" for name, why in self.originals)])

    def to_json(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Compilation:
        """Read what `to_json` has written."""
        return cls.of(json.loads(text))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Compilation:
        """From the values of its fields. Keys that this version does not know are ignored."""
        return cls(
            reason=str(values.get("reason", "")),
            methods=tuple(values.get("methods", ())),
            tolerance=float(values.get("tolerance", 0.0)),
            rows=int(values.get("rows", 0)),
            originals=tuple((str(name), str(why)) for name, why in values.get("originals", ())),
        )
