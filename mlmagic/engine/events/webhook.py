"""HTTP requests to a webhook: an event, or the handshake in which the endpoint accepts events.

Each request has its own connection from this machine. No more of a response is read than is needed. The
host is looked up once, and each of its addresses is checked (`mlmagic.core.addresses`) before one is used.
"""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

from mlmagic.core import addresses, advice
from mlmagic.core.envelopes import CONTENT_TYPES, Schema, body_of, signature, utc_text
from mlmagic.core.notices import Notice
from mlmagic.core.subscription import Answer, Subscription, parse_retry_after
from mlmagic.engine.http.connections import Connections, NoAnswer, NotConnected, Response
from mlmagic.errors import Advice, InvalidConfig, UsageError

ANSWER_SECONDS = 30.0
"""As long as Event Grid waits for an answer."""
CONNECT_SECONDS = 10.0
HANDSHAKE_SECONDS = 10.0
ORIGIN = "mlmagic"
"""The sender's name in the handshake of CloudEvents."""
_LONGEST_ANSWER = 64 * 1024


class AddressRefused(NoAnswer):
    """The endpoint is at an ``address`` that webhooks may not reach. Nothing was sent."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(
            f"its address {address} is link-local or that of a cloud's metadata service; to allow it, set "
            f"{addresses.VARIABLE}={address} where mlmagic runs"
        )


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


def check_endpoint(subscription: Subscription) -> None:
    """Raises `InvalidConfig` for an endpoint at an address that webhooks may not reach.

    A host that is not found now may be there later.
    """
    try:
        checked_addresses(subscription.endpoint)
    except AddressRefused as error:
        raise InvalidConfig(
            "endpoint",
            subscription.shown_endpoint,
            f"must not be at {error.address}: that is link-local or a cloud's metadata service",
            hint=f"To allow it, set {addresses.VARIABLE}={error.address} where mlmagic runs.",
        ) from None
    except NoAnswer:
        return


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
    refused = NoAnswer("its host has no address")
    with closing(Connections()) as connections:
        for address in checked_addresses(subscription.endpoint):
            try:
                return connections.request(
                    method,
                    subscription.endpoint,
                    body=body,
                    headers=headers,
                    timeout=timeout,
                    connect_timeout=CONNECT_SECONDS,
                    most=most,
                    address=address,
                )
            except NotConnected as error:  # nothing was sent: the next address may answer
                refused = error
    raise refused


def checked_addresses(url: str) -> list[str]:
    """The addresses of the host of ``url``. Raises `NoAnswer` if it has none, or one is not allowed."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NoAnswer(f"its host was not found ({error.strerror or error})") from error
    named = list(dict.fromkeys(str(each[4][0]) for each in found))
    for address in named:
        try:
            forbidden = addresses.is_forbidden(address)
        except InvalidConfig as error:
            raise NoAnswer(str(error)) from error
        if forbidden:
            raise AddressRefused(address)
    return named
