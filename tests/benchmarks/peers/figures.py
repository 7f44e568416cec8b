"""What was measured, as medians and as ratios; and the file that keeps it."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.models import NAMES
from tests.benchmarks.peers.rounds import Figures, Plan

FILE = "peers.json"
OF_A_START = ("cold_s", "pss_mb", "run_us")


class Results:
    """The figures of every model that was ever measured, each as of its latest run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / FILE
        self._kept: dict[str, Any] = {"models": {}, "body": {}}
        if self._file.exists():
            self._kept |= json.loads(self._file.read_text(encoding="utf-8"))

    @property
    def models(self) -> list[str]:
        """Those measured, in the order in which they are shown."""
        return sorted(self._kept["models"], key=lambda label: (NAMES.index(label.partition(" ")[0]), label))

    @property
    def body(self) -> dict[str, Any]:
        """Of the large body."""
        found: dict[str, Any] = self._kept["body"]
        return found

    def about(self, model: str) -> str:
        """When and how it was measured, in a sentence."""
        return str(self._kept["models"][model]["about"])

    def servers(self, model: str) -> dict[str, Figures]:
        """Figures of each server."""
        found: dict[str, Figures] = self._kept["models"].get(model, {}).get("servers", {})
        return found

    def keep(self, model: str, plan: Plan, servers: dict[str, Figures]) -> None:
        """In place of what was there of this model."""
        about = (
            f"{datetime.date.today()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"scikit-learn {version('scikit-learn')}: "
            f"{plan.rounds} rounds of {plan.seconds} s for each number of connections, {plan.starts} starts."
        )
        self._kept["models"][model] = {"about": about, "servers": servers}
        self._write()

    def keep_body(self, figures: dict[str, Any]) -> None:
        """In place of the large body's."""
        self._kept["body"] = figures
        self._write()

    def _write(self) -> None:
        rounded = json.loads(json.dumps(self._kept), parse_float=lambda text: float(f"{float(text):.5g}"))
        self._file.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")

    def median(self, model: str, server: str, what: str) -> float | None:
        """Over the rounds, or the starts; ``None`` where there is none."""
        values = [value for value in self._values(model, server, what) if value is not None]
        return statistics.median(values) if values else None

    def ratio(self, model: str, server: str, against: str, what: str) -> float | None:
        """The median of the ratios, round by round: what slows a whole round down falls out."""
        pairs = zip(self._values(model, server, what), self._values(model, against, what), strict=False)
        ratios = [a / b for a, b in pairs if a is not None and b]
        return statistics.median(ratios) if ratios else None

    def own_us(self, model: str, server: str) -> float | None:
        """What a request takes besides run(), at 32 connections: negative where run() is made faster."""
        rate, run = self.median(model, server, "rps_32"), self.median(model, server, "run_us")
        return None if rate is None or run is None else 1e6 / rate - run

    def of_limit(self, model: str, server: str) -> float | None:
        """Requests per second at 32 connections, as a share of the calls of run() by itself."""
        rate, run = self.median(model, server, "rps_32"), self.median(model, server, "run_us")
        return None if rate is None or run is None else rate * run / 1e6

    def _values(self, model: str, server: str, what: str) -> list[float | None]:
        figures = self.servers(model).get(server)
        if figures is None:
            return []
        return [
            None if seen is None else seen.get(what)
            for seen in figures["starts" if what in OF_A_START else "rounds"]
        ]
