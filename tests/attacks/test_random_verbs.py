"""A small run of the random verbs, the same each time. `bash tests/torture` runs more, with other seeds."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.attacks.random_verbs import RandomVerbs

pytestmark = pytest.mark.together


def test_random_verbs_leave_what_is_wanted() -> None:
    bounded = settings(max_examples=3, stateful_step_count=15, derandomize=True, database=None, deadline=None)
    run_state_machine_as_test(RandomVerbs, settings=bounded)
