"""The statistics of comparisons, by their formulas and by other programs."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from training.report.statistics import bootstrap, holm, verdicts, welch, wilson


def test_holm_by_hand():
    assert holm([0.04, 0.01, 0.03, 0.9]) == pytest.approx([0.09, 0.04, 0.09, 0.9])
    assert holm([]) == []


def test_welch_by_its_formula_and_by_scipy():
    a, b = np.array([1.0, 2.0, 4.0]), np.array([3.0, 3.5, 3.6, 5.0])
    va, vb = a.var(ddof=1) / 3, b.var(ddof=1) / 4
    t = (a.mean() - b.mean()) / np.sqrt(va + vb)
    degrees = (va + vb) ** 2 / (va**2 / 2 + vb**2 / 3)
    assert welch(a, b) == pytest.approx(2 * scipy.stats.t.sf(abs(t), degrees))
    assert welch(a, b) == pytest.approx(scipy.stats.ttest_ind(a, b, equal_var=False).pvalue)


def test_welch_where_little_varies():
    assert welch([1.0], [5.0, 5.1]) == 1
    assert welch([1.0, 1.0], [1.0, 1.0]) == 1
    assert welch([1.0, 1.0], [2.0, 2.0]) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert welch([93.9, np.nextafter(93.9, 94)], [94.0, 95.0, 96.0]) < 0.3
        assert welch([93.9, 93.9], [94.0, 95.0, 96.0]) < 0.3


@pytest.mark.parametrize(
    ("successes", "trials", "confidence"),
    [(0, 10, 0.95), (10, 10, 0.95), (3, 10, 0.99), (98, 100, 0.95)],
)
def test_wilson_by_the_formula_of_1927(successes, trials, confidence):
    """The roots p of (p^ - p)^2 = z^2 p (1 - p) / n."""
    z = scipy.stats.norm.ppf((1 + confidence) / 2)
    share = successes / trials
    roots = np.roots([1 + z**2 / trials, -2 * share - z**2 / trials, share**2])
    assert wilson(successes, trials, confidence) == pytest.approx(sorted(roots), abs=1e-8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 0), "successes must be in 0 .. trials and trials >= 1, got 1 of 0"),
        ((3, 2), "successes must be in 0 .. trials and trials >= 1, got 3 of 2"),
        ((-1, 2), "successes must be in 0 .. trials and trials >= 1, got -1 of 2"),
        ((1, 2, 1.0), r"confidence must be in \(0, 1\), got 1.0"),
    ],
)
def test_wilson_of_what_is_no_rate(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        wilson(*arguments)


@pytest.mark.slow
def test_the_bootstrap_interval():
    """Of a mean, with many values, that of the normal distribution; the same for the same seed."""
    values = np.random.default_rng(1).normal(3, 2, 400)
    low, high = bootstrap(values)
    error = values.std() / np.sqrt(len(values))
    assert [low, high] == pytest.approx(values.mean() + np.array([-1.96, 1.96]) * error, abs=0.02)
    assert bootstrap(values) == (low, high) != bootstrap(values, seed=1)
    inner = bootstrap(values, np.median, confidence_level=0.5, n_resamples=500)
    assert low < inner[0] < np.median(values) < inner[1] < high


def _runs(**accuracies):
    """Runs of made-up accuracies in %; one of NaN has diverged."""
    return pd.DataFrame(
        [
            {
                "name": name.replace("_", " "),
                "test_accuracy": value / 100,
                "status": "diverged" if np.isnan(value) else "done",
            }
            for name, values in accuracies.items()
            for value in values
        ]
    )


def _told(frame, **settings):
    """(difference, verdict) by name."""
    found = verdicts(frame, {"name": "base"}, **settings).fillna("")
    return {row["name"]: (row.get("difference", ""), row.get("verdict", ""))
            for row in found.to_dict("records")}  # fmt: skip


def test_verdicts_tell_differences_from_spread():
    frame = _runs(
        base=[97.0, 97.1, 96.9], a=[98.0, 98.1, 97.9], b=[97.1, 96.9, 97.2], c=[90.0, 90.1, 90.2]
    )
    assert _told(frame) == {
        "base": ("", "baseline"),
        "a": ("+1.00", "better"),
        "b": ("+0.07", "not told apart"),
        "c": ("-6.90", "worse"),
    }
    found = verdicts(frame, {"name": "base"})
    assert found["mean"].tolist()[:2] == ["97.00 ± 0.10", "98.00 ± 0.10"]
    assert found["seeds"].tolist() == [3] * 4
    base, *others = (100 * frame["test_accuracy"].to_numpy().reshape(4, 3)).tolist()
    p = holm([welch(other, base) for other in others])
    assert found["p"].tolist() == ["", *[f"{value:.2g}" for value in p]]


def test_the_more_comparisons_the_less_is_told_apart():
    base, other = [97.0, 97.1, 96.9], [97.3, 97.4, 97.2]
    assert _told(_runs(base=base, x=other))["x"] == ("+0.30", "better")
    many = {f"other_{i}": base for i in range(9)}
    assert _told(_runs(base=base, x=other, **many))["x"] == ("+0.30", "not told apart")


def test_groups_are_compared_within_themselves():
    base, other = [97.0, 97.1, 96.9], [97.3, 97.4, 97.2]
    one = _runs(base=base, x=other).assign(dataset="one")
    many = _runs(base=other, x=base, **{f"o{i}": other for i in range(9)}).assign(dataset="two")
    found = verdicts(pd.concat([one, many]), {"name": "base"}, by=["dataset"])
    told = {(row["dataset"], row["name"]): row["verdict"] for row in found.to_dict("records")}
    assert told["one", "x"] == "better" and told["two", "x"] == "not told apart"


def test_p_values_may_be_adjusted_together():
    base, other = [97.0, 97.1, 96.9], [97.3, 97.4, 97.2]
    frames = [_runs(base=base, x=base if i else other).assign(kind=i) for i in range(9)]
    settings = {"by": ["kind"], "together": []}
    apart, together = (
        verdicts(pd.concat(frames), {"name": "base"}, **chosen)
        for chosen in ({"by": ["kind"]}, settings)
    )
    assert apart["verdict"][1] == "better" and together["verdict"][1] == "not told apart"
    assert together["p"][1] == f"{9 * welch(other, base):.2g}"


def test_runs_that_diverged_are_left_out():
    frame = _runs(base=[97.0, 97.1], nested=[np.nan, 90.0], lost=[np.nan, np.nan])
    assert _told(frame) == {"base": ("", "baseline"), "nested": ("-7.05", "not told apart")}
    # Without a baseline that ended well, nothing is said.
    assert _told(_runs(base=[np.nan], other=[97.0])) == {"other": ("", "")}
