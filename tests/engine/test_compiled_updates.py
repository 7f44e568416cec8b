"""Services whose models are to be compiled: versions of endpoints, and services that follow a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlmagic.core.model import ModelDescription
from mlmagic.engine.endpoints.version_request import VersionRequest
from mlmagic.engine.engine import Engine
from tests.support.engines import ON_FAKE, script
from tests.support.estimators import ridge
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together

COMPILE = replace(ON_FAKE, compile=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return ridge(tmp_path)


def test_a_version_of_an_endpoint_is_served_compiled(fake_engine: Engine, file: Path) -> None:
    fake_engine.models.register(file, ModelDescription("ridge"))
    fake_engine.endpoints.create("shop", "blue", VersionRequest(("ridge",), script(), COMPILE))
    endpoint = fake_engine.services.get("shop").endpoint
    assert endpoint is not None
    assert list(fake_engine.services.get(endpoint.default.service).compiled) == ["ridge:1"]


def test_a_service_that_follows_a_model_compiles_its_new_versions(fake_engine: Engine, file: Path) -> None:
    fake_engine.models.register(file, ModelDescription("ridge"))
    fake_engine.services.wait(fake_engine.services.deploy("svc", ["ridge"], script(), COMPILE))
    fake_engine.follows.add("svc", "ridge")
    fake_engine.models.register(file, ModelDescription("ridge"))
    wait_for(lambda: list(fake_engine.services.get("svc").compiled) == ["ridge:2"], "the update")
    (result,) = fake_engine.models.get("ridge:2").compiled
    assert result.compilation.is_compiled
