import pytest

from mlmagic.scoring.limits import CONCURRENT, TIMEOUT, WAIT, InvalidLimit, Limits


@pytest.mark.parametrize(
    ("environment", "limits"),
    [
        ({}, Limits(3600.0, None, None)),
        ({TIMEOUT: "1500"}, Limits(1.5, None, None)),
        ({CONCURRENT: "4", WAIT: "500", TIMEOUT: " "}, Limits(3600.0, 4, 0.5)),
    ],
)
def test_limits(environment, limits):
    assert Limits.of(environment) == limits


@pytest.mark.parametrize(
    ("name", "text"), [(TIMEOUT, "0"), (TIMEOUT, "x"), (WAIT, "-1"), (CONCURRENT, "1.5"), (WAIT, "nan")]
)
def test_what_is_no_limit(name, text):
    with pytest.raises(InvalidLimit, match=f"{name} is '{text}'"):
        Limits.of({name: text})
