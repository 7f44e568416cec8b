"""`%events`, `%subscribe`, `%follow`, over the fake target."""

from __future__ import annotations

import pytest

from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.magics.session import MLMagic
from tests.support.shells import SCRIPT, TestingShell

pytestmark = pytest.mark.together

HOOK = "--endpoint http://127.0.0.1:1/hook?code=hidden --no-handshake"


@pytest.fixture
def ready(session: MLMagic, shell: TestingShell, monkeypatch: pytest.MonkeyPatch) -> TestingShell:
    """A notebook with a subscription and a service; what is delivered is not sent anywhere."""
    monkeypatch.setattr("mlmagic.engine.events.delivery.WebhookDelivery.claim", lambda self: [])
    shell.run_cell(
        f"%subscribe hook {HOOK} --event-type ModelRegistered --secret s3cret-word "
        "--advanced-filter \"data.ModelTags.stage StringIn ('prod')\" --subject-begins-with models/"
    )
    shell.run_cell("clf = {}\nm = %register clf --name wine --tag stage=prod\n")
    shell.run_cell(f"%%score_script wine\n{SCRIPT}")
    shell.run_cell("svc = %deploy wine-svc -m wine:1 --target fake")
    return shell


def test_who_is_told_of_what(ready: TestingShell) -> None:
    told = ready.run_cell("told = %events --deliveries\ntold")
    ((delivery, event),) = told
    assert (delivery.subscription, event.subject, str(delivery.state)) == ("hook", "models/wine:1", "waiting")
    subscriptions = ready.run_cell("x = %events --subscriptions\nx")
    for text in (repr(subscriptions), subscriptions._repr_html_(), repr(told)):
        assert "hidden" not in text
        assert "s3cret" not in text
    assert "data.ModelTags.stage StringIn ('prod')" in repr(subscriptions)
    happened = ready.run_cell("x = %events -n 100\nx")
    assert "ModelDeployed" in repr(happened)
    ready.run_cell("%events --redeliver hook")
    assert "that will be retried: 0" in ready.shown()
    ready.run_cell("%events --delete-deliveries hook")
    assert "Deleted deliveries to hook: 0" in ready.shown()
    ready.run_cell("%unsubscribe hook")
    assert len(ready.run_cell("x = %events --deliveries\nx")) == 0


def test_who_follows_what(ready: TestingShell) -> None:
    ready.run_cell("%follow wine-svc --model wine --tag stage=prod")
    assert "wine-svc follows wine with stage=prod, from now on." in ready.shown()
    assert "stage=prod" in repr(ready.run_cell("x = %events --follows\nx"))
    ready.run_cell("%unfollow wine-svc")
    assert len(ready.run_cell("x = %events --follows\nx")) == 0


@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        ("%subscribe hook", UsageError, "--endpoint"),
        ("%subscribe hook --endpoint ftp://x/", InvalidConfig, "must be an http or https URL"),
        (f"%subscribe hook {HOOK} --event-type Nothing", InvalidConfig, "event type 'Nothing'"),
        (f"%subscribe hook {HOOK} --advanced-filter nonsense", InvalidConfig, "advanced filter 'nonsense'"),
        (f"%subscribe hook {HOOK} --schema soap", InvalidConfig, "schema 'soap'"),
        ("%unsubscribe nothing", NotFound, "Subscription not found: 'nothing'"),
        ("%events --deliveries nothing", NotFound, "Subscription not found: 'nothing'"),
        ("%events --dead", UsageError, "--dead needs --deliveries"),
        ("%events --follows --subscriptions", UsageError, "exclude each other"),
        ("%follow nothing --model m", NotFound, "Service not found: 'nothing'"),
        ("%unfollow nothing", NotFound, "Service not found: 'nothing'"),
    ],
)
def test_bad_lines_are_refused(
    session: MLMagic, shell: TestingShell, line: str, error: type[Exception], words: str
) -> None:
    shell.refuses(line, error, words)
    assert session.engine.events.subscriptions() == []
