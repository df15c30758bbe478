"""The benchmark's arithmetic, and the columns of its tables."""

import pytest

from training.benchmark.groups import Group
from training.benchmark.report import summarise, to_text


@pytest.mark.parametrize("faster", [False, True])
def test_ratios_are_medians_of_ratios_within_a_round(faster):
    rates = {"a": [10.0, 40.0, 20.0], "b": [20.0, 10.0, 10.0]}
    group = Group("title", [], reference="a", ratio="", faster=faster)
    a, b = summarise(group, rates)
    assert a["ratio"] == 1
    assert b["ratio"] == (0.5 if faster else 2.0)  # of 0.5, 4, 2 and of 2, 0.25, 0.5
    assert (a["rate"], a["lowest"], a["highest"]) == (20, 10, 40)


def test_the_columns_of_a_table():
    row = {"contender": "a", "rate": 1234.5, "lowest": 1, "highest": 2, "ratio": 1.5}
    group = Group("title", [], reference="a", ratio="times")
    head, line = to_text(group, [row]).splitlines()[1:]
    assert head.split() == ["images/s", "lowest", "highest", "peak", "MB", "times"]
    assert line.split() == ["a", "1,234", "1", "2", "1.50"]
    head = to_text(group._replace(unit="numbers/s"), []).splitlines()[1]
    assert head.split()[0] == "numbers/s"
    (line,) = to_text(group, [{**row, "peak_mb": 56.7}]).splitlines()[2:]
    assert line.split() == ["a", "1,234", "1", "2", "57", "1.50"]
