"""The attacks notice what is lost: a check that cannot fail would prove nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.attacks.truth import Truth
from tests.attacks.verbs import Wish, digest_of

FOUND: dict[str, Any] = {
    "models": {"model-1:1": {"digest": digest_of("one"), "tag": None}},
    "services": {"service-1": ["running", "first"]},
    "records": {},
}
NOTHING: dict[str, Any] = {"models": {}, "services": {}, "records": {}}
REGISTER = Wish("register", "model-1", "one")
PACKAGE, BATCH = Wish("package", "package-0", "first"), Wish("batch", "batch-0", "first")
PACKED: dict[str, Any] = {**NOTHING, "records": {"package-0": ["first"], "batch-0": ["first"]}}
BUILD = Wish("build", "build-0", "")
BUILT: dict[str, Any] = {**NOTHING, "records": {"build-0": ["built"]}}
DEPLOY = Wish("deploy", "service-1", "first")


@pytest.mark.parametrize(
    ("wishes", "found", "faults"),
    [
        ([(REGISTER, True), (DEPLOY, True)], FOUND, 0),
        ([(REGISTER, False), (DEPLOY, False)], FOUND, 0),  # cut short, and carried out
        ([(REGISTER, False), (DEPLOY, False)], NOTHING, 0),  # or not
        ([(REGISTER, True), (DEPLOY, True)], NOTHING, 2),  # both are lost
        ([], FOUND, 2),  # nobody asked for them
        ([(REGISTER, True), (Wish("delete model", "model-1:1", ""), True), (DEPLOY, True)], FOUND, 1),
        ([(REGISTER, True), (Wish("delete model", "model-1:1", ""), False), (DEPLOY, True)], FOUND, 0),
        ([(REGISTER, True), (Wish("tag model", "model-1:1", "t"), True), (DEPLOY, True)], FOUND, 1),
        ([(REGISTER, True), (Wish("tag model", "model-1:1", "t"), False), (DEPLOY, True)], FOUND, 0),
        ([(REGISTER, True), (DEPLOY, True), (Wish("stop", "service-1", ""), True)], FOUND, 1),
        ([(REGISTER, True), (DEPLOY, True), (Wish("update", "service-1", "second"), False)], FOUND, 0),
        ([(REGISTER, True), (DEPLOY, True), (Wish("delete", "service-1", ""), True)], FOUND, 1),
        ([(REGISTER, True), (DEPLOY, True), (DEPLOY, False)], {**FOUND, "services": {}}, 1),
        ([(PACKAGE, True), (BATCH, True)], PACKED, 0),
        ([(PACKAGE, False), (BATCH, False)], PACKED, 0),
        ([(PACKAGE, False), (BATCH, False)], NOTHING, 0),
        ([(PACKAGE, True), (BATCH, True)], NOTHING, 2),
        ([], PACKED, 2),
        ([(PACKAGE, True), (PACKAGE, False), (BATCH, True), (BATCH, False)], PACKED, 0),
        ([(PACKAGE, True), (PACKAGE, True), (BATCH, True), (BATCH, True)], PACKED, 1),
        ([(BUILD, True)], BUILT, 0),
        ([(BUILD, False), (Wish("evict", "", ""), False)], BUILT, 0),
        ([(BUILD, True), (Wish("evict", "", ""), False)], NOTHING, 0),
        ([(BUILD, True)], NOTHING, 1),
        ([(BUILD, True), (Wish("evict", "", ""), True)], BUILT, 1),
        ([(PACKAGE, True), (Wish("delete record", "package-0", ""), True), (BATCH, True)], PACKED, 1),
        ([(PACKAGE, True), (Wish("delete record", "package-0", ""), False), (BATCH, True)], PACKED, 0),
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
    left = {name: texts for name, texts in found["records"].items() if not name.startswith("build")}
    assert truth.compare({**found, "records": left}) == []  # what was found is the truth from now on
