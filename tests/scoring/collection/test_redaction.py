"""No value of a redacted column is recorded, wherever it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlmagic.scoring.collection.redaction import REDACTED, WITHHELD, Redaction
from mlmagic.scoring.collection.request_records import Fields
from mlmagic.scoring.collection.request_tables import RequestTables
from mlmagic.scoring.collection.settings import PARQUET, CollectionSettings

SSN = Redaction(("ssn",))
HASHED = Redaction(("ssn",), b"key")
SECRET = 123456789


def recorded(body: Any, answer: Any, redaction: Redaction = SSN, kind: str = "application/json") -> list[Any]:
    """The inputs and the predictions, each with its columns."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    answered = json.dumps(answer).encode()
    request: Fields = (b"id", 0, text, kind, "", answered, "application/json", "")
    tables = RequestTables(CollectionSettings(redaction=redaction, form=PARQUET))  # whose rows have values
    tables.add(request)
    return [
        (list(entry.header[first:]), [list(row[first:]) for row in entry.rows])
        for first, entry in zip((9, 8), reversed(tables.entries()), strict=True)
    ]


@pytest.mark.parametrize(
    ("body", "inputs"),
    [
        ({"ssn": SECRET, "age": 3}, (["ssn", "age"], [[REDACTED, 3]])),
        ({" SSN": SECRET, "age": 3}, ([" SSN", "age"], [[REDACTED, 3]])),
        ({"data": [{"ssn": SECRET}, {"age": 3}]}, (["ssn", "age"], [[REDACTED, None], [None, 3]])),
        ({"age": 3, "name": "x"}, (["age", "name"], [[3, "x"]])),
        ({"age": 3, "note": f"ssn: {SECRET}"}, (["age", "note"], [[3, WITHHELD]])),
        ({"data": [[SECRET, 3]]}, (["column_0", "column_1"], [[WITHHELD, WITHHELD]])),
        ([SECRET], (["column_0"], [[WITHHELD]])),
        ({"a": {"ssn": SECRET}, "b": [1]}, (["body"], [[f'{{"a":{{"ssn":"{REDACTED}"}},"b":[1]}}']])),
        ({"a": {"number": SECRET}, "b": [1]}, (["body"], [[WITHHELD]])),
        (str(SECRET), (["body"], [[WITHHELD]])),
        (SECRET, (["body"], [[WITHHELD]])),
        ({"body": f"my ssn is {SECRET}"}, (["body"], [[WITHHELD]])),
        (b"not JSON 123456789", (["body"], [[WITHHELD]])),
        (b"\xff\x00123456789", (["body"], [["[left out: 11 bytes of binary data, application/json]"]])),
    ],
)
def test_inputs(body: Any, inputs: Any) -> None:
    found, _ = recorded(body, 1)
    assert found == inputs
    assert str(SECRET) not in str(found)


@pytest.mark.parametrize(
    ("answer", "predictions"),
    [
        ([0.5], (["prediction"], [[0.5]])),
        ([str(SECRET)], (["prediction"], [[WITHHELD]])),
        ({"label": ["cat"]}, (["label"], [["cat"]])),
        ({"ssn": SECRET, "score": 1}, (["ssn", "score"], [[REDACTED, 1]])),
        ([[SECRET, 1]], (["column_0", "column_1"], [[WITHHELD, WITHHELD]])),
        (
            {"echo": {"ssn": SECRET}, "more": [[1]]},
            (["body"], [[f'{{"echo":{{"ssn":"{REDACTED}"}},"more":[[1]]}}']]),
        ),
    ],
)
def test_predictions(answer: Any, predictions: Any) -> None:
    _, found = recorded({"ssn": SECRET, "age": 3}, answer)
    assert found == predictions
    assert str(SECRET) not in str(found)


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        (b"ssn,age\n123456789,3\n", (["ssn", "age"], [[REDACTED, "3"]])),
        (b"123456789,3\n", (["column_0", "column_1"], [[WITHHELD, WITHHELD]])),
        (b"ssn,age\n123456789\n", (["body"], [[WITHHELD]])),
    ],
)
def test_csv(text: bytes, inputs: Any) -> None:
    assert recorded(text, 1, kind="text/csv")[0] == inputs


def test_columns_by_position() -> None:
    (_, rows), _ = recorded({"data": [[SECRET, 3]]}, 1, Redaction(("column_0",)))
    assert rows == [[REDACTED, 3]]


def test_hashes_are_equal_for_equal_values_and_depend_on_the_key() -> None:
    first, again, other = (HASHED.replacement(value) for value in (SECRET, SECRET, 1))
    assert first == again != other
    assert Redaction(("ssn",), b"another").replacement(SECRET) != first
    assert HASHED.replacement(None) is None
    assert str(SECRET) not in first


def test_without_redaction_all_is_recorded() -> None:
    inputs, predictions = recorded({"a": {"b": 1}, "c": 2}, "cat", Redaction())
    assert inputs == (["body"], [['{"a": {"b": 1}, "c": 2}']])
    assert predictions == (["prediction"], [["cat"]])
