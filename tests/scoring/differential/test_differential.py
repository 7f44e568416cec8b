"""The reference server is the oracle: what we answer differently, we answer differently on purpose."""

from __future__ import annotations

import pytest

from .comparisons import EVERY, Comparisons
from .intended import INTENDED
from .zoo import Case

# The first test also makes the environment of the reference, if there is none.
pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    ("case", "installed"),
    EVERY,
    ids=[f"{case.script}{'-installed' * installed}" for case, installed in EVERY],
)
def test_we_answer_as_the_reference_does(comparisons: Comparisons, case: Case, installed: bool) -> None:
    seen = comparisons.of(case, installed)
    unexpected = [
        difference
        for difference in seen.differences
        if not any(intended.covers(difference) for intended in INTENDED)
    ]
    assert not unexpected, "\n".join(["", *map(str, unexpected), seen.logs])
    assert bool(seen.requests) == case.starts


def test_every_intended_difference_still_occurs(comparisons: Comparisons) -> None:
    differences = [difference for seen in comparisons.all() for difference in seen.differences]
    gone = [each.name for each in INTENDED if not any(map(each.covers, differences))]
    assert not gone
