"""Tables for drift checks, and how many of the checks may raise a false alarm."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

CHANCE = 0.001
"""How improbable a measured rate may be if the promised one is true."""


def table(random: np.random.Generator, rows: int) -> pd.DataFrame:
    """Every kind of column: numbers, skewed numbers with missing ones, categories with rare ones, flags."""
    return pd.DataFrame(
        {
            "age": random.normal(50, 10, rows),
            "income": np.where(random.random(rows) < 0.1, np.nan, random.lognormal(10, 1, rows)),
            "visits": random.poisson(30, rows),
            "city": random.choice(["Rome", "Oslo", "Bern", "Nome"], rows, p=[0.6, 0.3, 0.09, 0.01]),
            "member": random.random(rows) < 0.3,
            "grade": random.integers(1, 6, rows),
            "unit": 1,
            "note": [f"note {number}" for number in random.integers(0, 10**9, rows)],
        }
    )


def most(checks: int, rate: float) -> int:
    """So many alarms at most, if their rate is ``rate``."""
    return int(stats.binom.ppf(1 - CHANCE, checks, rate))
