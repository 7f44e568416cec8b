"""The envelope of a notice for its receiver: Event Grid's schema, or CloudEvents 1.0.

Both are pure functions of the notice, so each attempt sends the same bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from enum import StrEnum

from mlmagic.core.notices import Notice
from mlmagic.errors import InvalidConfig


class Schema(StrEnum):
    """The envelope of a subscription's notices."""

    EVENT_GRID = "eventgrid"
    CLOUD_EVENTS = "cloudevents"

    @classmethod
    def named(cls, name: str) -> Schema:
        """``eventgrid`` or ``cloudevents``, in any case; raises `InvalidConfig` for another."""
        try:
            return cls(name.lower())
        except (ValueError, AttributeError):
            raise InvalidConfig("schema", name, "must be eventgrid or cloudevents") from None


CONTENT_TYPES = {
    Schema.EVENT_GRID: "application/json; charset=utf-8",
    Schema.CLOUD_EVENTS: "application/cloudevents+json; charset=utf-8",
}


def event_grid(notice: Notice) -> bytes:
    """Event Grid's own schema, with Azure ML's empty ``dataVersion``; an array, of one event."""
    event = {
        "topic": notice.source,
        "subject": notice.subject,
        "eventType": notice.type,
        "eventTime": utc_text(notice.time),
        "id": notice.id,
        "data": dict(notice.data),
        "dataVersion": "",
        "metadataVersion": "1",
    }
    return json.dumps([event], ensure_ascii=False, separators=(",", ":")).encode()


def cloud_event(notice: Notice) -> bytes:
    """CloudEvents 1.0 in structured mode, as JSON."""
    from cloudevents.core.bindings.http import to_structured_event
    from cloudevents.core.v1.event import CloudEvent

    attributes = {
        "source": notice.source,
        "subject": notice.subject,
        "type": notice.type,
        "time": notice.time,
        "id": notice.id,
        "datacontenttype": "application/json",
    }
    return to_structured_event(CloudEvent(attributes, dict(notice.data))).body


def body_of(notice: Notice, schema: Schema) -> bytes:
    """The request body."""
    return event_grid(notice) if schema is Schema.EVENT_GRID else cloud_event(notice)


def signature(secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature-256`: HMAC-SHA256 of the body, in hexadecimal, as in WebSub."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def utc_text(time: datetime) -> str:
    """ISO 8601 in UTC with its Z, to the microsecond."""
    return f"{time:%Y-%m-%dT%H:%M:%S.%f}Z"
