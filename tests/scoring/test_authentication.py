"""Who is admitted: keys, tokens, and files that change."""

import base64
import hmac
import json

import jwt
import pytest

from mlmagic.scoring.authentication import (
    LOOK_S,
    OPEN,
    VERIFIED_LIMIT,
    Authenticator,
    Credentials,
    InvalidCredentials,
    bearer,
)
from tests.support.access import write_keys

SECRET = "s" * 64  # long enough for HS512, too
NOW = 1_800_000_000.0


class Time:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def keys_file(tmp_path):
    return tmp_path / "keys.json"


def token(secret=SECRET, algorithm="HS256", **claims):
    return jwt.encode({"exp": NOW + 60, **claims}, secret, algorithm).encode()


def raw_token(secret=SECRET, **claims):
    """Signed by hand: the library makes no token with claims of wrong types."""

    def part(content):
        return base64.urlsafe_b64encode(content).rstrip(b"=")

    signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    return signed + b"." + part(hmac.digest(secret.encode(), signed, "sha256"))


WRONG_TIMES = [True, str(NOW + 60), f"{NOW + 60}.0", None, [], {}, float("inf"), float("nan"), "Infinity"]


@pytest.mark.parametrize(
    ("field", "credential"),
    [
        (None, None),
        (b"", None),
        (b"Bearer", None),
        (b"Bearer ", None),
        (b"Basic abc", None),
        (b"abc", None),
        (b"Bearer abc", b"abc"),
        (b"bearer   abc ", b"abc"),
        (b"BEARER abc", b"abc"),
        (b"Bearer abc, Bearer def", b"abc, Bearer def"),
    ],
)
def test_the_field(field, credential):
    assert bearer(field) == credential


KEYS = Credentials("first-key", "second-key")
TOKENS = Credentials(token_secret=SECRET)
BOTH = Credentials("first-key", "second-key", SECRET)
FOR_SVC = Credentials(token_secret=SECRET, service="svc")


@pytest.mark.parametrize(
    ("held", "field", "admitted"),
    [
        (KEYS, b"Bearer first-key", True),
        (KEYS, b"Bearer second-key", True),
        (KEYS, b"Bearer first-ke", False),
        (KEYS, b"Bearer first-key2", False),
        (KEYS, b"first-key", False),
        (KEYS, b"Basic first-key", False),
        (KEYS, b"Bearer \xff", False),
        (KEYS, None, False),
        (KEYS, b"Bearer " + token(), False),
        (Credentials("only"), b"Bearer only", True),
        (Credentials("only"), b"Bearer None", False),
        (TOKENS, b"Bearer " + token(), True),
        (TOKENS, b"Bearer " + SECRET.encode(), False),
        (TOKENS, b"Bearer first-key", False),
        (TOKENS, b"Bearer " + token("t" * 43), False),
        (TOKENS, b"Bearer " + token(algorithm="HS512"), False),
        (TOKENS, b"Bearer " + token("", "none"), False),
        (TOKENS, b"Bearer " + token(exp=NOW - 1), False),
        (TOKENS, b"Bearer " + jwt.encode({"sub": "svc"}, SECRET, "HS256").encode(), False),
        (TOKENS, b"Bearer a.b.c", False),
        (BOTH, b"Bearer second-key", True),
        (BOTH, b"Bearer " + token(), True),
        *((TOKENS, b"Bearer " + raw_token(exp=wrong), False) for wrong in WRONG_TIMES),
        (TOKENS, b"Bearer " + token(exp=NOW + 60.5), True),
        (TOKENS, b"Bearer " + token(sub="anybody"), True),
        (TOKENS, b"Bearer " + raw_token(exp=NOW + 60, sub=7), False),
        (TOKENS, b"Bearer " + raw_token(exp=NOW + 60, sub=""), False),
        (TOKENS, b"Bearer " + token(aud="svc"), False),
        (FOR_SVC, b"Bearer " + token(sub="svc"), True),
        (FOR_SVC, b"Bearer " + token(sub="other"), False),
        (FOR_SVC, b"Bearer " + token(), False),
        (FOR_SVC, b"Bearer " + token(sub="svc", aud="svc"), True),
        (FOR_SVC, b"Bearer " + token(sub="svc", aud=["other", "svc"]), True),
        (FOR_SVC, b"Bearer " + token(sub="svc", aud="other"), False),
        (FOR_SVC, b"Bearer " + raw_token(exp=NOW + 60, sub="svc", aud=None), False),
    ],
)
def test_who_is_admitted(held, field, admitted, time):
    access = Authenticator(held, clock=time)
    assert access.admits(b"/score", field) is admitted
    assert access.admits(b"/v2/models/m/infer", field) is admitted


@pytest.mark.parametrize("path", sorted(OPEN))
def test_what_is_open_to_all(path):
    assert Authenticator(KEYS).admits(path, None)
    assert not Authenticator(KEYS).admits(path + b"x", None)


def test_a_token_is_good_until_it_expires(time):
    access = Authenticator(TOKENS, clock=time)
    field = b"Bearer " + token(exp=NOW + 60)
    assert access.admits(b"/score", field)
    time.now = NOW + 59
    assert access.admits(b"/score", field)
    time.now = NOW + 60
    assert not access.admits(b"/score", field)
    assert not access.admits(b"/score", field)


def test_of_the_tokens_that_were_verified_not_all_are_remembered(time):
    access = Authenticator(TOKENS, clock=time)
    for number in range(VERIFIED_LIMIT + 1):
        assert access.admits(b"/score", b"Bearer " + token(jti=str(number)))
    assert len(access._verified) <= VERIFIED_LIMIT


def test_a_new_key_is_taken_at_once_and_an_old_one_refused_soon(keys_file):
    ticks = Time()
    write_keys(keys_file, primary="old-primary", secondary="secondary")
    access = Authenticator(keys_file, ticks=ticks)
    assert access.admits(b"/score", b"Bearer old-primary")
    write_keys(keys_file, primary="new-primary", secondary="secondary")
    assert access.admits(b"/score", b"Bearer new-primary")
    assert not access.admits(b"/score", b"Bearer old-primary")
    write_keys(keys_file, primary="newer-primary", secondary="secondary")
    assert access.admits(b"/score", b"Bearer new-primary")  # nobody has looked yet
    ticks.now += LOOK_S
    assert not access.admits(b"/score", b"Bearer new-primary")
    assert access.admits(b"/score", b"Bearer secondary")


def test_a_token_dies_with_its_secret(keys_file, time):
    ticks = Time()
    write_keys(keys_file, token_secret=SECRET)
    access = Authenticator(keys_file, clock=time, ticks=ticks)
    field = b"Bearer " + token()
    assert access.admits(b"/score", field)
    write_keys(keys_file, token_secret="t" * 43)
    ticks.now += LOOK_S
    assert not access.admits(b"/score", field)


@pytest.mark.parametrize("content", ["", "{", "{}", '{"primary": ""}', None])
def test_a_broken_renewal_changes_nothing(keys_file, capsys, content):
    ticks = Time()
    write_keys(keys_file, primary="the-primary")
    access = Authenticator(keys_file, ticks=ticks)
    if content is None:
        keys_file.unlink()
    else:
        keys_file.write_text(content)
    ticks.now += LOOK_S
    assert access.admits(b"/score", b"Bearer the-primary")
    said = capsys.readouterr().err
    assert said.count("the previous keys stay in use") == 1
    assert str(keys_file) in said
    assert "the-primary" not in said
    write_keys(keys_file, primary="another")
    assert access.admits(b"/score", b"Bearer another")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("{", "is not JSON"),
        ("[]", "does not contain a JSON object"),
        ("{}", "has none of primary, secondary, token_secret"),
        ('{"primary": 5}', "primary must be text of visible ASCII"),
        ('{"primary": "a b"}', "primary must be text"),
        ('{"primary": "schlüssel"}', "primary must be text"),
        ('{"primary": "good", "secondary": ""}', "secondary must be text"),
        ('{"token_secret": "short"}', "token_secret must have at least 32"),
    ],
)
def test_a_file_without_keys_is_refused_at_the_start(keys_file, content, words):
    if content is not None:
        keys_file.write_text(content)
    with pytest.raises(InvalidCredentials, match=words) as caught:
        Authenticator.of(str(keys_file), {})
    record = caught.value.record()
    assert (record["phase"], str(keys_file) in record["message"]) == ("access", True)
    assert "keys file looks like" in record["hint"]
    assert "schlüssel" not in str(record)


def test_keys_of_the_environment_are_not_left_there(keys_file):
    environment = {"MLMAGIC_PRIMARY_KEY": "first-key", "MLMAGIC_TOKEN_SECRET": SECRET, "OTHER": "1"}
    access = Authenticator.of(None, environment)
    assert environment == {"OTHER": "1"}
    assert access.admits(b"/score", b"Bearer first-key")
    assert Authenticator.of(None, environment) is None
    write_keys(keys_file, primary="of-the-file")
    access = Authenticator.of(str(keys_file), {"MLMAGIC_PRIMARY_KEY": "first-key"})
    assert access.admits(b"/score", b"Bearer of-the-file")
    assert not access.admits(b"/score", b"Bearer first-key")


def test_a_variable_that_is_empty_opens_nothing():
    with pytest.raises(InvalidCredentials, match="MLMAGIC_PRIMARY_KEY must be text"):
        Authenticator.of(None, {"MLMAGIC_PRIMARY_KEY": ""})


def test_keys_are_in_no_representation():
    assert "key" not in repr(Credentials("first-key", "second-key", SECRET)).replace("Credentials", "")
