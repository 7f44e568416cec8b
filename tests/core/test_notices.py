"""What subscribers are told, and how it is written down."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mlmagic.core.envelopes import CONTENT_TYPES, Schema, body_of, signature
from mlmagic.core.events import Event, EventKind
from mlmagic.core.notices import (
    NOTICE_DATA,
    PUBLISHED,
    Happening,
    check_happening,
    dataset_drift_detected,
    model_deployed,
    notice_of,
    published_kind,
    run_completed,
    run_status_changed,
)
from mlmagic.errors import InvalidConfig

REGISTERED = Event(
    7, 1_700_000_000.25, EventKind.MODEL_REGISTERED, "models/a:3", "", {"tags": {"k": "v"}, "properties": {}}
)


def test_the_event_grid_envelope() -> None:
    notice = notice_of(REGISTERED, "my team")
    assert notice is not None
    (envelope,) = json.loads(body_of(notice, Schema.EVENT_GRID))
    assert envelope == {
        "topic": "/workspaces/my%20team",
        "subject": "models/a:3",
        "eventType": "Microsoft.MachineLearningServices.ModelRegistered",
        "eventTime": "2023-11-14T22:13:20.250000Z",
        "id": notice.id,
        "data": {"ModelName": "a", "ModelVersion": "3", "ModelTags": {"k": "v"}, "ModelProperties": {}},
        "dataVersion": "",
        "metadataVersion": "1",
    }


def test_the_cloud_events_envelope() -> None:
    notice = notice_of(REGISTERED, "w")
    assert notice is not None
    envelope = json.loads(body_of(notice, Schema.CLOUD_EVENTS))
    assert envelope == {
        "specversion": "1.0",
        "source": "/workspaces/w",
        "subject": "models/a:3",
        "type": "Microsoft.MachineLearningServices.ModelRegistered",
        "time": "2023-11-14T22:13:20.250000Z",
        "id": notice.id,
        "datacontenttype": "application/json",
        "data": {"ModelName": "a", "ModelVersion": "3", "ModelTags": {"k": "v"}, "ModelProperties": {}},
    }
    assert CONTENT_TYPES[Schema.CLOUD_EVENTS].startswith("application/cloudevents+json")


def test_the_body_is_the_same_at_each_attempt_and_is_read_as_a_cloud_event() -> None:
    from cloudevents.core.bindings.http import HTTPMessage, from_http_event

    notice = notice_of(replace(REGISTERED, subject="models/größe:3", time=1_700_000_000.0), "w")
    assert notice is not None
    for schema in Schema:
        assert body_of(notice, schema) == body_of(notice, schema)
    headers = {"content-type": CONTENT_TYPES[Schema.CLOUD_EVENTS]}
    event = from_http_event(HTTPMessage(headers, body_of(notice, Schema.CLOUD_EVENTS)))
    assert (event.get_id(), event.get_subject(), event.get_time()) == (notice.id, notice.subject, notice.time)
    assert event.get_data() == notice.data


def test_ids_are_stable_and_differ_by_event_time_and_subject() -> None:
    def id_of(event: Event, workspace: str = "w") -> str:
        notice = notice_of(event, workspace)
        assert notice is not None
        return notice.id

    others = [
        REGISTERED,
        replace(REGISTERED, id=8),
        replace(REGISTERED, time=REGISTERED.time + 1),
        replace(REGISTERED, subject="models/b:3"),
    ]
    assert len({id_of(event) for event in others}) == 4
    # One folder may be opened under several names.
    assert id_of(REGISTERED) == id_of(REGISTERED, "other")


RUN = {"ExperimentId": "e", "ExperimentName": "e", "RunId": "r", "RunType": "t", "RunTags": {"a": "b"}}
RAISED = [
    (
        model_deployed("ab12", "svc", "local", ["a:1", "b:2"], {"t": "1"}, {"p": "2"}),
        "endpoints/ab12",
        {
            "ServiceName": "svc",
            "ServiceComputeType": "local",
            "ModelIds": "a:1,b:2",
            "ServiceTags": {"t": "1"},
            "ServiceProperties": {"p": "2"},
        },
    ),
    (
        run_completed("e", "r", run_type="t", tags={"a": "b"}),
        "experiments/e/runs/r",
        {**RUN, "RunProperties": {}},
    ),
    (
        run_status_changed("e", "r", "Failed", run_type="t", tags={"a": "b"}),
        "experiments/e/runs/r",
        {**RUN, "RunProperties": {}, "RunStatus": "failed"},
    ),
    (
        dataset_drift_detected("d", "r", 0.5, name="n", start=datetime(2026, 1, 1, tzinfo=UTC)),
        "datadrift/d/run/r",
        {
            "DataDriftId": "d",
            "DataDriftName": "n",
            "RunId": "r",
            "BaseDatasetId": "",
            "TargetDatasetId": "",
            "DriftCoefficient": 0.5,
            "StartTime": "2026-01-01T00:00:00+00:00",
            "EndTime": None,
        },
    ),
]


@pytest.mark.parametrize(("happening", "subject", "data"), RAISED, ids=[str(each[0].kind) for each in RAISED])
def test_what_is_raised_has_the_documents_subject_and_data(
    happening: Happening, subject: str, data: dict[str, Any]
) -> None:
    check_happening(happening)
    event = Event(1, 1.0, happening.kind, happening.subject, "", {NOTICE_DATA: dict(happening.data)})
    notice = notice_of(event, "w")
    assert notice is not None
    assert (notice.subject, notice.data) == (subject, data)
    assert notice.type == f"Microsoft.MachineLearningServices.{happening.kind}"


def test_other_events_have_no_notice() -> None:
    for kind in set(EventKind) - set(PUBLISHED):
        assert notice_of(Event(1, 1.0, kind, "services/svc", ""), "w") is None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: run_status_changed("e", "r", "Canceled"), "run status 'Canceled' must be failed"),
        (lambda: run_completed("", "r"), "experiment id '' must be text"),
        (
            lambda: check_happening(Happening(EventKind.LAUNCHED, "s", {})),
            "event type .* must be one of ModelReg",
        ),
        (
            lambda: check_happening(Happening(EventKind.RUN_COMPLETED, "s", {"x": object()})),
            "data .* must be JSON",
        ),
        (lambda: published_kind("nothing"), "event type 'nothing' must be one of"),
        (lambda: Schema.named("soap"), "schema 'soap' must be eventgrid or cloudevents"),
    ],
)
def test_what_cannot_be_published_is_refused(call: Any, words: str) -> None:
    with pytest.raises(InvalidConfig, match=words):
        call()


def test_kinds_are_known_with_their_namespace_in_any_case() -> None:
    long = "microsoft.machinelearningservices.MODELregistered"
    assert published_kind(long) is published_kind("ModelRegistered") is EventKind.MODEL_REGISTERED


def test_the_signature_is_the_one_of_websub() -> None:
    # The example of GitHub's documents.
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signature("It's a Secret to Everybody", b"Hello, World!") == expected
