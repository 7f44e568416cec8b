"""The attacks notice what is lost: a check that cannot fail would prove nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.attacks.truth import Truth
from tests.attacks.verbs import Wish, digest_of

FOUND: dict[str, Any] = {
    "models": {"model-1:1": {"digest": digest_of("one"), "tag": None}},
    "services": {"service-1": ["running", "first"]},
}
REGISTER = Wish("register", "model-1", "one")
DEPLOY = Wish("deploy", "service-1", "first")


@pytest.mark.parametrize(
    ("wishes", "found", "faults"),
    [
        ([(REGISTER, True), (DEPLOY, True)], FOUND, 0),
        ([(REGISTER, False), (DEPLOY, False)], FOUND, 0),  # cut short, and carried out
        ([(REGISTER, False), (DEPLOY, False)], {"models": {}, "services": {}}, 0),  # or not
        ([(REGISTER, True), (DEPLOY, True)], {"models": {}, "services": {}}, 2),  # both are lost
        ([], FOUND, 2),  # nobody asked for them
        ([(REGISTER, True), (Wish("delete model", "model-1:1", ""), True), (DEPLOY, True)], FOUND, 1),
        ([(REGISTER, True), (Wish("delete model", "model-1:1", ""), False), (DEPLOY, True)], FOUND, 0),
        ([(REGISTER, True), (Wish("tag model", "model-1:1", "t"), True), (DEPLOY, True)], FOUND, 1),
        ([(REGISTER, True), (Wish("tag model", "model-1:1", "t"), False), (DEPLOY, True)], FOUND, 0),
        ([(REGISTER, True), (DEPLOY, True), (Wish("stop", "service-1", ""), True)], FOUND, 1),
        ([(REGISTER, True), (DEPLOY, True), (Wish("update", "service-1", "second"), False)], FOUND, 0),
        ([(REGISTER, True), (DEPLOY, True), (Wish("delete", "service-1", ""), True)], FOUND, 1),
        ([(REGISTER, True), (DEPLOY, True), (DEPLOY, False)], {**FOUND, "services": {}}, 1),
        ([(Wish("register", "model-1", "another"), True), (DEPLOY, True)], FOUND, 1),
    ],
)
def test_what_is_lost_or_false_is_named(
    wishes: list[tuple[Wish, bool]], found: dict[str, Any], faults: int
) -> None:
    truth = Truth()
    for wished, acknowledged in wishes:
        truth.note(wished, {"registered": "model-1:1"} if acknowledged else None)
    assert len(truth.compare(found)) == faults
    assert truth.compare(found) == []  # what was found is the truth from now on
