"""Where notices go, and when a delivery is tried again."""

from __future__ import annotations

import pytest

from mlmagic.core.subscription import (
    LONGEST_SECONDS,
    MOST_ATTEMPTS,
    Answer,
    DeliveryState,
    Subscription,
    judge,
    parse_retry_after,
    retry_delay,
)
from mlmagic.errors import InvalidConfig

W, D, X = DeliveryState.WAITING, DeliveryState.DELIVERED, DeliveryState.DEAD


def test_the_schedule() -> None:
    minutes = [retry_delay(attempts, 0.0) / 60 for attempts in range(1, 13)]
    assert minutes == [1 / 6, 0.5, 1, 5, 10, 30, 60, 180, 360, 720, 720, 720]
    assert retry_delay(1, 1.0) == pytest.approx(11)


@pytest.mark.parametrize(
    ("answer", "attempts", "age", "state", "delay", "words"),
    [
        (Answer(200), 1, 0, D, 0, "delivered"),
        (Answer(299), 29, 0, D, 0, "delivered"),
        (Answer(400), 1, 0, X, 0, "returned HTTP 400, which is final"),
        (Answer(401), 1, 0, X, 0, "final"),
        (Answer(403), 1, 0, X, 0, "final"),
        (Answer(413), 1, 0, X, 0, "final"),
        (Answer(302), 1, 0, W, 10, "returned HTTP 302"),
        (Answer(404), 2, 0, W, 30, "returned HTTP 404"),
        (Answer(500), 3, 0, W, 60, "returned HTTP 500"),
        (Answer(None, "no answer"), 1, 0, W, 10, "no answer"),
        (Answer(503, retry_after=120), 1, 0, W, 120, "returned HTTP 503"),
        (Answer(503, retry_after=1), 1, 0, W, 10, "returned HTTP 503"),
        (Answer(503, retry_after=90_000), 1, 0, X, 0, "after 24 hours"),
        (Answer(500), MOST_ATTEMPTS, 0, X, 0, "given up after 30 attempts"),
        (Answer(500), 9, LONGEST_SECONDS - 3600, X, 0, "after 24 hours"),
    ],
)
def test_what_becomes_of_a_delivery(
    answer: Answer, attempts: int, age: float, state: DeliveryState, delay: float, words: str
) -> None:
    now = 1_000_000.0
    verdict = judge(answer, attempts=attempts, since=now - age, now=now, jitter=0.0)
    assert (verdict.state, verdict.next_time) == (state, now + delay)
    assert words in verdict.words


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 5 ", 5.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, now=60.0) == seconds


@pytest.mark.parametrize(
    ("name", "url", "words"),
    [
        ("a", "http://x/", "subscription name 'a' must be 3 to 64"),
        ("a b c", "http://x/", "subscription name 'a b c'"),
        ("hook", "ftp://x/", "endpoint 'ftp://x/' must be an http or https URL"),
        ("hook", "file:///etc/passwd", "must be an http or https URL"),
        ("hook", "http:///path", "must be an http or https URL"),
        ("hook", "http://x y/", "must be an http or https URL"),
        ("hook", "http://x:99999/", "must be an http or https URL"),
        ("hook", "https://me:word@x/", r"endpoint 'https://\*\*\*@x' must not contain a user name"),
        ("hook", "https://x/#a", "must not have a fragment"),
    ],
)
def test_bad_subscriptions_are_refused(name: str, url: str, words: str) -> None:
    with pytest.raises(InvalidConfig, match=words) as caught:
        Subscription(name, url)
    assert "word" not in str(caught.value)


def test_secrets_are_shown_nowhere() -> None:
    subscription = Subscription("hook", "https://x/hook?code=hidden", secret="hidden-word")
    assert "hidden" not in repr(subscription)
    assert subscription.shown_endpoint == "https://x/hook?..."
    with pytest.raises(InvalidConfig) as caught:
        Subscription("hook", "https://x/", secret="my word")
    assert "my word" not in str(caught.value)
