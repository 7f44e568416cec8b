"""One HTTP request to a subscriber: a notice, or the question whether it wants any.

Only this machine contacts it. Redirects are not followed, answers are not read beyond what is needed, and no
credential of the user's goes along (neither from a netrc file nor through a proxy of the environment).
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlmagic.core.envelopes import CONTENT_TYPES, Schema, body_of, signature, utc_text
from mlmagic.core.notices import Notice
from mlmagic.core.subscription import Answer, Subscription, parse_retry_after
from mlmagic.errors import UsageError

if TYPE_CHECKING:
    import requests

ANSWER_SECONDS = 30.0
"""As long as Event Grid waits for an answer."""
CONNECT_SECONDS = 10.0
HANDSHAKE_SECONDS = 10.0
ORIGIN = "mlmagic"
"""Who asks for permission to send, in the handshake of CloudEvents."""
_LONGEST_ANSWER = 64 * 1024


def send(subscription: Subscription, notice: Notice, attempt: int) -> Answer:
    """Send a notice; the answer, whatever it is, and never an exception."""
    body = body_of(notice, subscription.schema)
    headers = {
        "aeg-event-type": "Notification",
        "aeg-subscription-name": subscription.name.upper(),
        "aeg-delivery-count": str(attempt - 1),
    }
    return _post(subscription, body, headers, ANSWER_SECONDS)[0]


def shake_hands(subscription: Subscription, source: str) -> None:
    """See to it that the endpoint wants notices; raises `UsageError` if it does not say so.

    Event Grid's validation event, whose code must come back, and CloudEvents' OPTIONS request, which must be
    allowed: both are tried, first that of the schema, and one is enough.
    """
    ways = [_validate, _ask_permission]
    if subscription.schema is Schema.CLOUD_EVENTS:
        ways.reverse()
    told = []
    for way in ways:
        refusal = way(subscription, source)
        if refusal is None:
            return
        told.append(refusal)
    raise UsageError(
        f"the endpoint {subscription.shown_endpoint} has not agreed to get events: {'; '.join(told)}",
        hint="Have it answer one of the two, or, if it is yours, subscribe with --no-handshake.",
    )


def _validate(subscription: Subscription, source: str) -> str | None:
    """Event Grid's handshake; what went wrong, None if nothing did."""
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
        return f"to a SubscriptionValidationEvent, {answer.words or f'it answered {answer.status}'}"
    with suppress(ValueError):
        said = json.loads(body)
        if isinstance(said, dict) and said.get("validationResponse") == code:
            return None
    return "to a SubscriptionValidationEvent, it did not answer with the validationCode"


def _ask_permission(subscription: Subscription, source: str) -> str | None:
    """The handshake of CloudEvents ("HTTP 1.1 Web Hooks", 4.1); what went wrong, None if nothing did."""
    import requests

    try:
        with (
            _session() as session,
            session.options(
                subscription.endpoint,
                headers={"WebHook-Request-Origin": ORIGIN},
                timeout=(CONNECT_SECONDS, HANDSHAKE_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            allowed = response.headers.get("WebHook-Allowed-Origin", "")
            if 200 <= response.status_code < 300 and allowed.strip().lower() in ("*", ORIGIN):
                return None
            return f"to OPTIONS, it answered {response.status_code} without WebHook-Allowed-Origin: {ORIGIN}"
    except (requests.RequestException, OSError, ValueError) as error:
        return f"to OPTIONS, {_cause(error)}"


def _post(
    subscription: Subscription, body: bytes, extra: Mapping[str, str], timeout: float
) -> tuple[Answer, bytes]:
    import requests

    headers = {"Content-Type": CONTENT_TYPES[subscription.schema], "User-Agent": "mlmagic", **extra}
    if subscription.secret is not None:
        headers["X-Hub-Signature-256"] = signature(subscription.secret, body)
    try:
        with (
            _session() as session,
            session.post(
                subscription.endpoint,
                data=body,
                headers=headers,
                timeout=(CONNECT_SECONDS, timeout),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            wait = parse_retry_after(response.headers.get("Retry-After"), time.time())
            answer = Answer(response.status_code, retry_after=wait)
            wanted = extra.get("aeg-event-type") == "SubscriptionValidation"
            return answer, next(response.iter_content(_LONGEST_ANSWER), b"") if wanted else b""
    except (requests.RequestException, OSError, ValueError) as error:
        return Answer(None, _cause(error)), b""


def _session() -> requests.Session:
    import requests

    session = requests.Session()
    session.trust_env = False
    return session


def _cause(error: Exception) -> str:
    """Why there was no answer, without the URL that the library's own words would have in them."""
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(error, requests.ConnectTimeout):
        return "it could not be reached in time"
    if isinstance(error, requests.Timeout):
        return "it did not answer in time"
    if isinstance(error, requests.ConnectionError):
        return "nothing accepts connections there, or it was cut off"
    return f"it could not be asked ({type(error).__name__})"
