import pytest

from mlmagic.core.arguments import ARGUMENTS
from mlmagic.core.decimals import with_a_point
from mlmagic.core.profile import parse_rate, parse_sizes
from mlmagic.errors import InvalidConfig


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("0,5", ". Write 0.5, with a point"),
        (" -12,25 ", ". Write -12.25, with a point"),
        ("0.5", ""),
        ("1,5,2", ""),
        ("a,b", ""),
        (0.5, ""),
        (None, ""),
    ],
)
def test_a_decimal_comma_is_recognised(value, sentence):
    assert with_a_point(value) == sentence


def test_every_rule_for_numbers_says_what_to_write():
    for name in ("cpu_cores", "memory_gb", "traffic_percentile"):
        assert str(ARGUMENTS[name].violation("0,5")).endswith("must be a number. Write 0.5, with a point")
    with pytest.raises(InvalidConfig, match=r"Write 0\.5, with a point"):
        parse_rate("rps", "0,5")
    with pytest.raises(InvalidConfig, match=r"must be numbers above 0\. Write 0\.5, with a point"):
        parse_sizes("memory", "0,5")
    assert parse_sizes("memory", "0.5,1") == (0.5, 1.0)
    assert parse_sizes("memory", "1,5") == (1.0, 5.0)
