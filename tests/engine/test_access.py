"""Keys and tokens of services, on a target that runs nothing."""

from __future__ import annotations

import json
import stat
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import jwt
import pytest
from sqlalchemy import select

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.events import EventKind
from mlmagic.core.webservice import Observation, Phase
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.callers import new_token
from mlmagic.errors import InvalidConfig, InvalidConfigs, UsageError
from mlmagic.sdk.webservice import Webservice
from mlmagic.sdk.workspace import Workspace
from mlmagic.targets.capabilities import Capabilities
from mlmagic.targets.fake import FakeHandle, FakeTarget
from mlmagic.widgets.cards import event_line, service_card
from mlmagic.workspace import connection, database
from tests.support.answering import Answering
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.waiting import wait_for

WITH_KEYS = replace(ON_FAKE, auth_enabled=True)
WITH_TOKENS = replace(ON_FAKE, token_auth_enabled=True)


def deploy(engine: Engine, config: DeploymentConfig = WITH_KEYS) -> Webservice:
    return Webservice.of(
        Workspace.over(engine), engine.services.wait(engine.services.deploy("svc", [], script(), config))
    )


def keys_file(fake: FakeTarget) -> Path:
    path = fake.only().spec.keys_file
    assert path is not None
    return Path(path)


def taken(fake: FakeTarget) -> Any:
    return json.loads(keys_file(fake).read_text())


def test_a_service_has_two_keys_which_its_server_takes(fake_engine: Engine, fake: FakeTarget) -> None:
    service = deploy(fake_engine)
    primary, secondary = service.get_keys()
    assert primary != secondary
    assert taken(fake) == {"primary": primary, "secondary": secondary}
    assert stat.S_IMODE(keys_file(fake).stat().st_mode) == 0o600
    assert stat.S_IMODE((fake_engine.location.folder / "workspace.db").stat().st_mode) & 0o007 == 0
    assert (service.auth_enabled, service.token_auth_enabled) == (True, False)


def test_a_key_is_made_anew_and_the_other_stays(fake_engine: Engine, fake: FakeTarget) -> None:
    service = deploy(fake_engine)
    primary, secondary = service.get_keys()
    service.regen_key("Primary")
    assert service.get_keys()[0] != primary
    assert service.get_keys()[1] == secondary
    service.regen_key("secondary", set_key="my-own-key")
    assert service.get_keys()[1] == "my-own-key"
    assert taken(fake) == dict(zip(("primary", "secondary"), service.get_keys(), strict=True))
    with pytest.raises(InvalidConfig, match="key 'Third' must be Primary or Secondary"):
        service.regen_key("Third")
    told = [e.message for e in fake_engine.events.list(service="svc") if e.kind is EventKind.KEY_CHANGED]
    assert told == ["the primary key was changed", "the secondary key was changed"]


def test_keys_survive_updates_and_not_the_service(fake_engine: Engine, fake: FakeTarget) -> None:
    service = deploy(fake_engine)
    before = service.get_keys()
    service.update(tags={"a": "1"})
    service.wait_for_deployment()
    assert service.get_keys() == before
    assert tuple(taken(fake).values()) == before
    fake_engine.services.deploy("svc", [], script("other"), WITH_KEYS, overwrite=True)
    service.wait_for_deployment()
    assert service.get_keys() == before
    service.delete()
    with fake_engine.memory.reading() as tx:
        assert tx.execute(select(database.service_keys)).all() == []
    assert deploy(fake_engine).get_keys() != before


def test_keys_may_be_given(fake_engine: Engine, fake: FakeTarget) -> None:
    service = deploy(fake_engine, replace(WITH_KEYS, primary_key="my-own-key"))
    assert service.get_keys()[0] == "my-own-key"
    fake_engine.services.update("svc", config_changes={"secondary_key": "another-key"})
    service.wait_for_deployment()
    assert service.get_keys() == ("my-own-key", "another-key")
    assert taken(fake) == {"primary": "my-own-key", "secondary": "another-key"}


def test_without_authentication_there_are_none(fake_engine: Engine, fake: FakeTarget) -> None:
    service = deploy(fake_engine, ON_FAKE)
    assert fake.only().spec.keys_file is None
    for ask in (service.get_keys, lambda: service.regen_key("Primary")):
        with pytest.raises(UsageError, match=r"'svc' has no key authentication.*update\(auth_enabled=True"):
            ask()
    with pytest.raises(UsageError, match=r"'svc' has no token authentication.*update\(token_auth_enabled"):
        service.get_token()


def test_keys_give_way_to_tokens_and_come_back(fake_engine: Engine, fake: FakeTarget) -> None:
    service = deploy(fake_engine)
    before = service.get_keys()
    with pytest.raises(InvalidConfigs, match="token_auth_enabled True excludes auth_enabled"):
        service.update(token_auth_enabled=True)
    service.update(auth_enabled=False, token_auth_enabled=True)
    service.wait_for_deployment()
    assert list(taken(fake)) == ["token_secret", "service"]
    with pytest.raises(UsageError, match="has no key authentication"):
        service.get_keys()
    service.update(auth_enabled=True, token_auth_enabled=False)
    service.wait_for_deployment()
    assert service.get_keys() == before


def test_a_token_lasts_an_hour_and_should_be_refreshed_before(fake_engine: Engine, fake: FakeTarget) -> None:
    service = deploy(fake_engine, WITH_TOKENS)
    token, refresh_by = service.get_token()
    claims = jwt.decode(token, taken(fake)["token_secret"], algorithms=["HS256"])
    assert (claims["sub"], claims["exp"] - claims["iat"]) == ("svc", 3600)
    assert (
        datetime.fromtimestamp(claims["iat"], UTC) < refresh_by < datetime.fromtimestamp(claims["exp"], UTC)
    )
    access = service.get_access_token()
    assert (access.token_type, access.expiry_on - access.refresh_after) == ("Bearer", timedelta(minutes=30))
    assert token not in repr(access)


def test_the_times_of_a_token() -> None:
    made = new_token("svc", "s" * 43, 1_800_000_000.9)
    assert made.refresh_after.timestamp() == 1_800_001_800
    assert made.expiry_on.timestamp() == 1_800_003_600


def test_keys_are_seen_nowhere_else(fake_engine: Engine, fake: FakeTarget) -> None:
    service = deploy(fake_engine, replace(WITH_KEYS, primary_key="my-own-key"))
    service.regen_key("Secondary", set_key="another-key")
    record = service.record
    with fake_engine.memory.reading() as tx:
        rows = [
            str(tx.execute(select(table)).all())
            for table in database.metadata.sorted_tables
            if table is not database.service_keys
        ]
    seen = [
        *rows,
        str(asdict(record)),
        repr(service),
        repr(fake_engine.services.revision(record)),
        repr(fake.only().spec),
        service_card(record).markup,
        *map(event_line, fake_engine.events.list()),
        *fake_engine.services.logs("svc"),
    ]
    secret = json.loads(json.dumps(taken(fake)))
    for text in seen:
        assert not any(key in text for key in ("my-own-key", "another-key", *secret.values())), text


def test_a_workspace_from_before_there_were_keys(fake_engine: Engine) -> None:
    with fake_engine.memory.writing() as tx:
        database.service_keys.drop(tx)
        tx.execute(database.migrations.delete().where(database.migrations.c.name == "m002_service_keys"))
    connection.Database(fake_engine.location.database_url).close()
    assert deploy(fake_engine).get_keys()


class KeyedTarget(FakeTarget):
    """A fake that cannot see this disk: keys are delivered to it."""

    capabilities: ClassVar[Capabilities] = replace(FakeTarget.capabilities, delivers_keys=True)

    def __init__(self) -> None:
        super().__init__()
        self.delivered: list[str] = []

    def deliver_keys(self, handle: FakeHandle, keys_file: str) -> None:
        self.delivered.append(self.services[handle.key].spec.run_dir)


def test_new_keys_are_delivered_to_the_target_of_each_revision(
    make_engine: MakeEngine, answering: Answering
) -> None:
    here, there = FakeTarget(), KeyedTarget()
    here.url = there.url = answering.url
    engine = make_engine(targets=lambda name: there if name == "there" else here)
    engine.services.wait(engine.services.deploy("svc", [], script(), WITH_KEYS))
    there.next_observations = [Observation(Phase.STARTING)]
    engine.services.deploy("svc", [], script(), replace(WITH_KEYS, target="there"), overwrite=True)
    wait_for(lambda: engine.services.get("svc").candidate_handle, "the launch")
    there.delivered.clear()
    engine.keys.regenerate("svc", "Primary")
    assert there.delivered == [there.only().spec.run_dir]
