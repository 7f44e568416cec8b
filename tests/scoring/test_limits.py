import pytest

from mlmagic.scoring.limits import BATCH_WAIT, BODIES, BODY, CONCURRENT, TIMEOUT, WAIT, InvalidLimit, Limits


@pytest.mark.parametrize(
    ("environment", "limits"),
    [
        ({}, Limits(3600.0, None, None)),
        ({TIMEOUT: "1500"}, Limits(1.5, None, None)),
        ({BODY: "1000"}, Limits(body_bytes=1000, bodies_bytes=4000)),
        ({BODY: "1000", BODIES: "9000"}, Limits(body_bytes=1000, bodies_bytes=9000)),
        ({BODIES: "9000"}, Limits(bodies_bytes=9000)),
        ({BATCH_WAIT: "2"}, Limits(batch_wait_s=0.002)),
        ({BATCH_WAIT: "0.5", WAIT: "1"}, Limits(wait_s=0.001, batch_wait_s=0.0005)),
        ({CONCURRENT: "4", WAIT: "500", TIMEOUT: " "}, Limits(3600.0, 4, 0.5)),
    ],
)
def test_limits(environment, limits):
    assert Limits.of(environment) == limits


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (TIMEOUT, "0"),
        (TIMEOUT, "x"),
        (WAIT, "-1"),
        (CONCURRENT, "1.5"),
        (WAIT, "nan"),
        (BODY, "1 MB"),
        (BODIES, "0"),
        (BATCH_WAIT, "2ms"),
    ],
)
def test_what_is_no_limit(name, text):
    with pytest.raises(InvalidLimit, match=f"{name} is '{text}'"):
        Limits.of({name: text})


def test_a_batch_waits_less_than_a_request_may():
    with pytest.raises(InvalidLimit, match=f"{BATCH_WAIT} is 500: it must be below {WAIT}, 500"):
        Limits.of({BATCH_WAIT: "500", WAIT: "500"})
