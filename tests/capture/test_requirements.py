from __future__ import annotations

from importlib import metadata

import pytest

from mlmagic.capture import requirements
from mlmagic.capture.requirements import pinned_requirements


@pytest.mark.together
def test_what_is_imported_is_pinned_to_what_is_here() -> None:
    numpy, sklearn = metadata.version("numpy"), metadata.version("scikit-learn")
    found = pinned_requirements({"sklearn.linear_model", "numpy", "json", "os.path", "not_installed"})
    assert found == (f"numpy=={numpy}", f"scikit-learn=={sklearn}")


def test_nothing_imported_is_nothing_required() -> None:
    assert pinned_requirements(()) == ()


def test_a_shared_package_is_owned_by_who_has_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"g-storage": ["google/storage/__init__.py"], "g-auth": ["google/auth.py"]}
    monkeypatch.setattr(requirements.metadata, "files", files.get)
    owners = requirements._owners
    assert owners("google.storage.client", ("g-storage", "g-auth")) == {"g-storage"}
    assert owners("google.auth", ("g-storage", "g-auth")) == {"g-auth"}
    assert owners("google", ("g-storage", "g-auth")) == {"g-storage", "g-auth"}


def test_a_local_build_is_required_by_its_public_version(monkeypatch: pytest.MonkeyPatch) -> None:
    class Torch:
        metadata = {"Name": "torch"}
        version = "2.1.0+cu118"

    monkeypatch.setattr(requirements.metadata, "distribution", lambda name: Torch)
    assert requirements._pin("torch") == "torch==2.1.0"
