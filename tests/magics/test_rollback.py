"""`%rollback` and `%revisions`, on the fake target."""

from __future__ import annotations

import pytest

from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.magics.session import MLMagic
from tests.support.shells import TestingShell

pytestmark = pytest.mark.together


def test_a_rollback_goes_back_and_says_to_which_revision(captured: TestingShell, session: MLMagic) -> None:
    captured.run_cell("%deploy svc-a -m wine --tag a=1\n%register clf --name wine")
    captured.run_cell("%update svc-a -m wine:2 --cpu 3 --tag b=2")
    service = captured.run_cell("%rollback svc-a -o kept")
    assert captured.user_ns["kept"] is service
    assert (service.state, [each.id for each in service.models], service.tags) == (
        "Healthy",
        ["wine:1"],
        {"b": "2"},
    )
    assert "Rolling back to revision 1. The new revision is 3." in captured.shown()
    listing = captured.run_cell("%revisions svc-a -o found")
    assert captured.user_ns["found"] is listing
    assert [(each.number, each.rollback_of) for each in listing] == [(3, 1), (2, None), (1, None)]
    shown = repr(listing)
    assert all(word in shown for word in ("Serving", "Was Healthy", "wine:2", "  wine  ", "deployed"))
    assert "rollback to revision 1: models wine:1; cpu" in shown
    assert "%rollback svc-a REVISION" in listing._repr_html_()
    captured.run_cell("%rollback svc-a 2 --no-wait")
    assert session.engine.services.get("svc-a").models == ("wine:2",)


BAD_ROLLBACKS: list[tuple[str, type[Exception], str]] = [
    ("nothing", NotFound, "Service not found: 'nothing'"),
    (
        "svc-a",
        UsageError,
        "no earlier revision that was Healthy and differs from it. List its revisions with: %revisions",
    ),
    (
        "svc-a 1",
        UsageError,
        "cannot roll back 'svc-a' to revision 1: it is the present revision, and it serves",
    ),
    ("svc-a 7", NotFound, "Revision of 'svc-a' not found: '7'. It has: 1. List them with: %revisions svc-a"),
    ("svc-a 0", InvalidConfig, "revision 0 must be above 0"),
    ("svc-a first", InvalidConfig, "revision 'first' must be a whole number"),
    ("", UsageError, "%rollback NAME [REVISION] [OPTIONS]"),
]


def test_bad_rollbacks_are_one_line(captured: TestingShell, session: MLMagic) -> None:
    captured.run_cell("%deploy svc-a --script wine")
    for line, error, words in BAD_ROLLBACKS:
        captured.refuses(f"%rollback {line}", error, words)
    captured.refuses("%revisions nothing", NotFound, "Service not found: 'nothing'")
    assert session.engine.services.get("svc-a").revision == 1
