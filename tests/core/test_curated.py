"""The environments that are always there."""

from __future__ import annotations

from typing import Any

import pytest
from packaging.requirements import Requirement

from mlmagic.core.curated import CURATED, CURATED_PREFIX
from mlmagic.core.environment import needs_of
from mlmagic.sdk.environment_json import check_record


@pytest.mark.parametrize("record", CURATED.values(), ids=list(CURATED))
def test_each_is_pinned_and_asks_for_no_image(record: dict[str, Any]) -> None:
    check_record(record)
    needs = needs_of(record)
    assert needs.name.startswith(CURATED_PREFIX)
    assert not needs.needs_image
    assert needs.python is None
    assert needs.pip_packages
    for line in needs.pip_packages:
        assert [each.operator for each in Requirement(line).specifier] == ["=="], line
