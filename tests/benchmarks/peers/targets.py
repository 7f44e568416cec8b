"""The targets, each with what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.peers.figures import Results
from tests.benchmarks.peers.servers import AZUREML, BJOERN


@dataclass(frozen=True)
class Target:
    """A ratio that must be reached, and one that is hoped for."""

    measure: str
    must: float
    stretch: float
    measured: Callable[[Results], float | None]
    at_least: bool = False

    def row(self, results: Results) -> list[str]:
        """As cells of a table."""
        value = self.measured(results)
        sign = "≥" if self.at_least else "≤"
        asked = [f"{sign} {self.must:g}", f"{sign} {self.stretch:g}"]
        if value is None:
            return [self.measure, *asked, "-", "not measured"]
        return [self.measure, *asked, f"{value:.3g}", self._verdict(value)]

    def _verdict(self, value: float) -> str:
        def reached(goal: float) -> bool:
            return value >= goal if self.at_least else value <= goal

        if reached(self.stretch):
            return "stretch met"
        return "must met" if reached(self.must) else "**missed**"


def _against(what: str, model: str, server: str, peer: str) -> Callable[[Results], float | None]:
    return lambda results: results.ratio(model, server, peer, what)


def _body(results: Results) -> float | None:
    ours, plain = results.body.get("mlmagic"), results.body.get("json + np.array")
    return ours / plain if ours and plain else None


def _memory_in_onnx(results: Results) -> float | None:
    ours = results.median("ridge-onnx", "mlmagic", "pss_mb")
    theirs = results.median("ridge", AZUREML.name, "pss_mb")
    return ours / theirs if ours and theirs else None


_A, _B = AZUREML.name, BJOERN.name
TARGETS = (
    Target(
        *("requests/s at 32 against azureml, unmodified script, Ridge", 6, 9),
        *(_against("rps_32", "ridge", "mlmagic", _A), True),
    ),
    Target(
        *("requests/s at 32 against azureml, batching declared, Ridge", 30, 60),
        *(_against("rps_32", "ridge", "mlmagic batched", _A), True),
    ),
    Target(
        *("requests/s at 32 against bjoern, unmodified script, Ridge", 0.6, 1),
        *(_against("rps_32", "ridge", "mlmagic", _B), True),
    ),
    Target(
        *("requests/s at 32 against bjoern, typed run(), not batched, Ridge", 0.6, 1),
        *(_against("rps_32", "ridge", "mlmagic typed", _B), True),
    ),
    Target(
        *("p50 at 1 against azureml, unmodified script, Ridge", 0.3, 0.2),
        _against("p50_ms_1", "ridge", "mlmagic", _A),
    ),
    Target(
        *("cold start against azureml, unmodified script, Ridge", 0.55, 0.4),
        _against("cold_s", "ridge", "mlmagic", _A),
    ),
    Target(
        *("cold start against azureml, both with Ridge in ONNX", 0.25, 0.15),
        _against("cold_s", "ridge-onnx", "mlmagic", _A),
    ),
    Target(
        *("memory (PSS) against azureml, unmodified script, Ridge", 0.8, 0.8),
        _against("pss_mb", "ridge", "mlmagic", _A),
    ),
    Target(
        *("memory (PSS) with Ridge in ONNX, against azureml with scikit-learn's", 0.4, 0.4),
        _memory_in_onnx,
    ),
    Target(
        *("memory (PSS) against azureml, both with Ridge in ONNX", 0.4, 0.4),
        _against("pss_mb", "ridge-onnx", "mlmagic", _A),
    ),
    Target(
        *("requests/s at 32 against azureml, unmodified script, Ridge compiled", 15, 20),
        *(_against("rps_32", "ridge", "mlmagic compiled", _A), True),
    ),
    Target(
        *("cold start against azureml, unmodified script, Ridge compiled", 0.25, 0.2),
        _against("cold_s", "ridge", "mlmagic compiled", _A),
    ),
    Target(
        *("memory (PSS) against azureml, unmodified script, Ridge compiled", 0.5, 0.4),
        _against("pss_mb", "ridge", "mlmagic compiled", _A),
    ),
    Target("JSON body of 0.9 MB to an array, against json + np.array", 0.5, 0.15, _body),
)
