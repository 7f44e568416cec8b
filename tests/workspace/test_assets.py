"""What is registered by kind and name: versions, the newest of each, and forgetting."""

from __future__ import annotations

import pytest

from mlmagic.errors import NotFound
from mlmagic.workspace import assets
from mlmagic.workspace.memory import Memory


def test_each_registration_is_a_version(memory: Memory) -> None:
    with memory.writing() as tx:
        assert assets.add(tx, "environment", "e", {"a": 1}).version == 1
        assert assets.add(tx, "environment", "e", {"a": float("inf"), "text": "ü"}).version == 2
        assert assets.add(tx, "dataset", "e", {}).version == 1
        assets.add(tx, "environment", "B", {})
    with memory.reading() as tx:
        newest = assets.get(tx, "environment", "e")
        assert (newest.version, newest.record) == (2, {"a": float("inf"), "text": "ü"})
        assert assets.get(tx, "environment", "e", 1).record == {"a": 1}
        assert assets.versions(tx, "environment", "e") == [1, 2]
        assert [(each.name, each.version) for each in assets.newest_of_each(tx, "environment")] == [
            ("B", 1),
            ("e", 2),
        ]


def test_what_is_not_there(memory: Memory) -> None:
    with memory.writing() as tx:
        assets.add(tx, "environment", "mine", {})
        with pytest.raises(NotFound, match=r"Environment not found: 'mne'\. Did you mean 'mine'\?"):
            assets.get(tx, "environment", "mne")
        with pytest.raises(NotFound, match="Version of environment 'mine' not found: '2'"):
            assets.get(tx, "environment", "mine", 2)
        assets.remove(tx, "environment", "mine")
        assert assets.versions(tx, "environment", "mine") == []
        with pytest.raises(NotFound, match="No environment exists yet"):
            assets.remove(tx, "environment", "mine")
