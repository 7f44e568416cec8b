"""HTTP requests to a webhook: an event, or the handshake in which the endpoint accepts events.

Each request has its own connection from this machine. No more of a response is read than is needed.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime

from mlmagic.core import advice
from mlmagic.core.envelopes import CONTENT_TYPES, Schema, body_of, signature, utc_text
from mlmagic.core.notices import Notice
from mlmagic.core.subscription import Answer, Subscription, parse_retry_after
from mlmagic.engine.http.connections import Connections, NoAnswer, Response
from mlmagic.errors import Advice, UsageError

ANSWER_SECONDS = 30.0
"""As long as Event Grid waits for an answer."""
CONNECT_SECONDS = 10.0
HANDSHAKE_SECONDS = 10.0
ORIGIN = "mlmagic"
"""The sender's name in the handshake of CloudEvents."""
_LONGEST_ANSWER = 64 * 1024


def send(subscription: Subscription, notice: Notice, attempt: int) -> Answer:
    """Send a notice; returns the answer, also of a failure, and never raises."""
    body = body_of(notice, subscription.schema)
    headers = {
        "aeg-event-type": "Notification",
        "aeg-subscription-name": subscription.name.upper(),
        "aeg-delivery-count": str(attempt - 1),
    }
    return _post(subscription, body, headers, ANSWER_SECONDS)[0]


def shake_hands(subscription: Subscription, source: str) -> None:
    """Check that the endpoint accepts notices; raises `UsageError` if it does not.

    The endpoint must return the code of Event Grid's validation event, or allow CloudEvents' OPTIONS request.
    Both are tried, first the handshake of the schema, and one is enough.
    """
    ways = [_validate, _request_permission]
    if subscription.schema is Schema.CLOUD_EVENTS:
        ways.reverse()
    refusals = []
    for way in ways:
        refusal = way(subscription, source)
        if refusal is None:
            return
        refusals.append(refusal)
    raise UsageError(
        f"the endpoint {subscription.shown_endpoint} has not accepted events: {'; '.join(refusals)}",
        hint=Advice(
            "Make it answer one of the two handshakes, or, if it is yours, subscribe with {handshake}.",
            handshake=advice.argument("handshake"),
        ),
    )


def _validate(subscription: Subscription, source: str) -> str | None:
    """Event Grid's handshake; returns the reason of a failure, else None."""
    code = str(uuid.uuid4())
    event = {
        "id": str(uuid.uuid4()),
        "topic": source,
        "subject": "",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": utc_text(datetime.now(UTC)),
        "data": {"validationCode": code},
        "dataVersion": "1",
        "metadataVersion": "1",
    }
    headers = {
        "aeg-event-type": "SubscriptionValidation",
        "aeg-subscription-name": subscription.name.upper(),
        "Content-Type": CONTENT_TYPES[Schema.EVENT_GRID],
    }
    answer, body = _post(subscription, json.dumps([event]).encode(), headers, HANDSHAKE_SECONDS)
    if answer.status != 200:
        return f"to a SubscriptionValidationEvent, {answer.words or f'it returned HTTP {answer.status}'}"
    with suppress(ValueError):
        answered = json.loads(body)
        if isinstance(answered, dict) and answered.get("validationResponse") == code:
            return None
    return "to a SubscriptionValidationEvent, it did not answer with the validationCode"


def _request_permission(subscription: Subscription, source: str) -> str | None:
    """The handshake of CloudEvents ("HTTP 1.1 Web Hooks", 4.1); the reason of a failure, or None."""
    try:
        response = _request(
            "OPTIONS", subscription, headers={"WebHook-Request-Origin": ORIGIN}, timeout=HANDSHAKE_SECONDS
        )
    except NoAnswer as error:
        return f"to OPTIONS, {error}"
    allowed = response.headers.get("WebHook-Allowed-Origin", "")
    if 200 <= response.status < 300 and allowed.strip().lower() in ("*", ORIGIN):
        return None
    return f"to OPTIONS, it returned HTTP {response.status} without WebHook-Allowed-Origin: {ORIGIN}"


def _post(
    subscription: Subscription, body: bytes, extra: Mapping[str, str], timeout: float
) -> tuple[Answer, bytes]:
    headers = {"Content-Type": CONTENT_TYPES[subscription.schema], **extra}
    if subscription.secret is not None:
        headers["X-Hub-Signature-256"] = signature(subscription.secret, body)
    is_handshake = extra.get("aeg-event-type") == "SubscriptionValidation"
    try:
        response = _request(
            "POST",
            subscription,
            body=body,
            headers=headers,
            timeout=timeout,
            most=_LONGEST_ANSWER if is_handshake else 0,
        )
    except NoAnswer as error:
        return Answer(None, str(error)), b""
    wait = parse_retry_after(response.headers.get("Retry-After"), time.time())
    return Answer(response.status, retry_after=wait), response.body


def _request(
    method: str,
    subscription: Subscription,
    *,
    headers: Mapping[str, str],
    timeout: float,
    body: bytes | None = None,
    most: int = 0,
) -> Response:
    with closing(Connections()) as connections:
        return connections.request(
            method,
            subscription.endpoint,
            body=body,
            headers=headers,
            timeout=timeout,
            connect_timeout=CONNECT_SECONDS,
            most=most,
        )
