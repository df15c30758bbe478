"""Powers of the number of tokens: of made-up rates, and those of the repository."""

import pytest

from training.benchmark import kept
from training.benchmark.growth import growth
from training.report.tables import read_csv

LINEAR = ("linear", "linear, chunks", "Galerkin", "128 random features")


def test_powers_are_found():
    """Of made-up rates in tokens a second, n / n^p, and of memory n^(p - 1/2)."""
    rows = [
        {"contender": f"{form}, {n:,}", "rate": n / n**p, "peak_mb": n ** (p - 0.5)}
        for form, p in (("a", 2.0), ("b, c", 1.1))
        for n in (128, 512, 4096, 16_384)
    ]
    rows[0]["rate"] *= 2  # that of 128 tokens is none of the later fit
    rows.append({"contender": "alone, 1,024", "rate": 3.0})
    early, late, *others = growth(rows)
    assert (late["form"], late["from"], late["to"]) == ("a", 512, 16_384) and early["from"] == 128
    assert late["seconds"] == pytest.approx(2) and early["seconds"] > 2.05
    assert late["memory"] == early["memory"] == pytest.approx(1.5)
    assert [row["seconds"] for row in others] == pytest.approx([1.1, 1.1])
    without = growth([{key: row[key] for key in ("contender", "rate")} for row in rows])
    assert "memory" not in without[0] and without[0]["seconds"] == early["seconds"]


def test_those_of_the_repository_are_of_its_rates():
    rows = read_csv(kept.FOLDER / "attention.csv").to_dict("records")
    stored = read_csv(kept.FOLDER / kept.GROWTH).to_dict("records")
    for own, expected in zip(stored, growth(rows), strict=True):
        assert own == pytest.approx(expected)
    assert len(kept.growth()) == len(stored) / 2 == 7


def test_linear_forms_are_linear_and_ten_times_as_fast():
    """From 128 and from 512 tokens; softmax is not. At 4,096, for each token."""
    powers = read_csv(kept.FOLDER / kept.GROWTH).set_index(["form", "from"])
    for form in LINEAR:
        for first in (128, 512):
            assert max(powers.loc[(form, first), ["seconds", "memory"]]) <= 1.1
    assert powers.loc[("softmax", 512), "seconds"] > 1.5
    ratios = read_csv(kept.FOLDER / "attention.csv").set_index("contender")["ratio"]
    assert min(ratios[f"{form}, 4,096"] for form in LINEAR) >= 10 > ratios["softmax, causal, 4,096"]
