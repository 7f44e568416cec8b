"""The local target: every service is a process of its own."""

from __future__ import annotations

import pytest

from tests.targets.local_contract import LocalContract

pytestmark = pytest.mark.processes


class TestLocal(LocalContract):
    pass
