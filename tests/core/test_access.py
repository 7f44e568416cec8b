from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.access import ServiceKeys, WhichKey, new_key
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.errors import InvalidConfig


def test_keys_are_new_each_time_and_in_no_representation() -> None:
    first, second = ServiceKeys.new(), ServiceKeys.new()
    made = [first.primary, first.secondary, second.primary, second.secondary]
    assert len(set(made)) == 4
    assert all(len(key) == 32 and key.isalnum() for key in made)
    assert len(first.token_secret) == 64
    assert repr(first) == "ServiceKeys()"


def test_one_key_changes_and_the_rest_stays() -> None:
    before = ServiceKeys.new()
    after = before.with_key(WhichKey.named("Primary"))
    assert after.primary != before.primary
    assert (after.secondary, after.token_secret) == (before.secondary, before.token_secret)
    assert before.with_key(WhichKey.SECONDARY, "my-own-key").secondary == "my-own-key"


@pytest.mark.parametrize("name", ["", "third", None])
def test_there_are_two_keys(name: Any) -> None:
    with pytest.raises(InvalidConfig, match="must be Primary or Secondary"):
        WhichKey.named(name)


@pytest.mark.parametrize(
    "key", ["", "short", "with a blank", "schlüssel", "line\nbreak", "x" * 257, 12345678]
)
def test_a_bad_key_is_refused_and_not_shown(key: Any) -> None:
    with pytest.raises(InvalidConfig, match=r"primary key '\*\*\*' must be 8 to 256 visible ASCII"):
        ServiceKeys.new().with_key(WhichKey.PRIMARY, key)
    with pytest.raises(InvalidConfig, match=r"primary_key '\*\*\*' must be"):
        DeploymentConfig(auth_enabled=True, primary_key=key)


def test_what_a_server_takes() -> None:
    keys = ServiceKeys("first-key", "second-key", "secret")
    assert keys.accepted("svc", keys=True, tokens=False) == {
        "primary": "first-key",
        "secondary": "second-key",
    }
    assert keys.accepted("svc", keys=False, tokens=True) == {"token_secret": "secret", "service": "svc"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"auth_enabled": True, "token_auth_enabled": True}, "token_auth_enabled True excludes auth_enabled"),
        ({"primary_key": new_key()}, r"primary_key '\*\*\*' needs auth_enabled=True"),
        ({"ssl_cert_pem_file": "a.pem"}, "ssl_cert_pem_file 'a.pem' needs the other file"),
        ({"ssl_key_pem_file": "a.pem"}, "ssl_key_pem_file 'a.pem' needs the other file"),
        ({"cors_origins": "page.example"}, "CORS origin 'page.example' must be scheme://host"),
        ({"cors_origins": "https://a.example, https://b.example/"}, "CORS origin 'https://b.example/'"),
        ({"cors_origins": "https://a.example/page"}, "CORS origin"),
    ],
)
def test_a_deployment_names_what_does_not_fit(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidConfig, match=words):
        DeploymentConfig(**values)


@pytest.mark.parametrize("origins", ["", "*", "https://a.example", "http://localhost:3000, app://page ,"])
def test_origins(origins: str) -> None:
    assert DeploymentConfig(cors_origins=origins).cors_origins == origins


def test_a_configuration_shows_and_keeps_no_keys() -> None:
    config = DeploymentConfig(auth_enabled=True, primary_key="my-own-key")
    assert "my-own-key" not in repr(config)
    assert config.without_keys().primary_key is None
