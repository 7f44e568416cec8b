"""Services for cards to show, and text that no card may take for HTML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mlmagic.core.webservice import Desired, State, Webservice
from mlmagic.engine.engine import Engine
from mlmagic.widgets.service_card.card import ServiceCard
from tests.support.engines import ON_FAKE, script

HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> & \"'"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt; &lt;img src=x onerror=alert(1)&gt; &amp;"
SERVICE = Webservice(
    id="abc",
    name="wine",
    target="local",
    desired=Desired.RUNNING,
    state=State.HEALTHY,
    revision=2,
    created_time=0.0,
    updated_time=0.0,
    serving=2,
    url="http://127.0.0.1:5001",
    models=("wine:1",),
)
FAILED = replace(
    SERVICE,
    state=State.FAILED,
    words="by zero",
    error={
        "phase": "init",
        "type": "ZeroDivisionError",
        "message": "by zero",
        "traceback": 'Traceback\n  File "sub/score.py", line 3, in init\n'
        '  File "/usr/lib/x.py", line 1, in f\n',
    },
)
MakeCard = Callable[..., ServiceCard]


def deploy(engine: Engine, name: str = "svc", **options: object) -> Webservice:
    """A service on the fake target, Healthy."""
    return engine.services.wait(engine.services.deploy(name, [], script(), ON_FAKE, **options), 20)  # type: ignore[arg-type]
