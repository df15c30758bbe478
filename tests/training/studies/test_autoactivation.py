"""The study of y = phi(W) x: one trial, rates, the frozen geometry, and what the tables say."""

import math

import numpy as np
import pandas as pd
import pytest

from training.experiments import runner
from training.studies.autoactivation import (
    choose,
    geometry,
    problems,
    regression,
    samples,
    summaries,
)
from training.studies.autoactivation import trial as one
from training.studies.autoactivation.__main__ import STUDY
from training.studies.autoactivation.choose import CHOOSING
from training.studies.autoactivation.problems import METHODS, Problem
from training.studies.autoactivation.report import report
from weirdonetworks.functional import PARAMETER_ACTIVATIONS

PROBLEM = "positive-dense-8-condition10"
PLAIN = Problem("positive", "dense", 8, 10, "all", 300)


def test_names_are_those_of_the_maps():
    assert tuple(PARAMETER_ACTIVATIONS) == problems.MAPS
    assert len(problems.PROBLEMS) == 30 and len(METHODS) == 14
    assert set(problems.DRAWN_PROBLEMS) <= set(problems.PROBLEMS)
    cells = STUDY.all_cells(STUDY.axes)
    assert len(cells) == 30 * 14 + 5 * 4


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Two methods on a problem, with three seeds each."""
    axes = {"problem": [PROBLEM], "method": ["plain", "exp"]}
    return runner.run(STUDY, tmp_path_factory.mktemp("s"), axes=axes, seeds=[0, 1, 2], workers=0)


@pytest.mark.slow
def test_a_trial(found):
    runs = found["runs"]
    keys = runs[["method", "seed", "optimizer"]].to_numpy().tolist()
    assert keys == [
        [method, seed, optimizer]
        for method in ("plain", "exp")
        for seed in (0, 1, 2)
        for optimizer in problems.OPTIMIZERS
    ]
    plain = runs[runs["method"] == "plain"]
    assert (plain["steps"] > 10).all() and (plain["early_loss"] < 1).all()
    rates = runs.groupby(["method", "optimizer"])["rate"]
    assert (rates.nunique() == 1).all() and (rates.first() > 0).all()
    assert rates.first()["plain", "sgd"] != rates.first()["exp", "sgd"]
    sgd = plain[plain["optimizer"] == "sgd"]
    # Plain weights have a constant geometry: steps are known without a run.
    assert list(sgd["frozen"]) == list(sgd["steps"])
    assert set(report(found).tables) > {"steps", "comparisons", "geometry", "early"}


def test_losses_on_the_way_are_kept_of_some_problems(monkeypatch):
    _stub(monkeypatch)
    monkeypatch.setattr(one, "choose", lambda *_: ([0.25, 0.5], [False, False]))
    drawn = problems.PROBLEMS["signed-sparse-512-online"]._replace(inputs=8)
    monkeypatch.setattr(one, "DRAWN_PROBLEMS", (drawn.name,))
    first, second = one.measure(drawn, "plain", [0, 1])
    assert [row["optimizer"] for row in first["curves"]] == list(problems.OPTIMIZERS)
    row = second["curves"][0]
    assert row["0"] == 1 and row[str(choose.EARLY)] == 0.25 and len(row) == 51
    frame = pd.DataFrame(
        [
            {"problem": "signed-sparse-512-online", "method": "plain", "seed": i, **row}
            for i, tables in enumerate((first, second))
            for row in tables["curves"]
        ]
    )
    figure = report({"curves": frame}).figures["curves"]
    line = figure.axes[0].lines[0]
    assert line.get_label() == "plain"
    assert line.get_xdata()[-1] == pytest.approx(0.98 * (500 + 14 * 512))


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["--only=problem=easy"], 1, "problem=easy: value should be one of <positive-dense-64-"),
        (["--only=method=sin"], 1, "method=sin: value should be one of <plain|plain zero|"),
        (["--seeds=999,1000"], 1, "seeds must leave (1000, 1001, "),
        (["--sign=negative"], 2, "--sign=negative: value should be one of <auto|positive|paired>"),
        (
            ["--only=problem=signed-dense-8-condition10", "--sign=positive"],
            1,
            "sign must be 'auto' or 'paired' for data that have signs",
        ),
    ],
)
def test_bad_input(command, words, exit_code, message):
    from training.studies.autoactivation import __main__ as module

    words = [f"--only=problem={PROBLEM}", *words] if "problem" not in str(words) else words
    words = [*words, "--only=method=exp"] if "method" not in str(words) else words
    outcome = command(module, *words, "--workers=0")
    assert outcome.exit_code == exit_code and outcome.stderr.count("\n") == 1
    assert outcome.stderr.startswith("error: ") and message in outcome.stderr


class _Regression:
    """In place of `regression.run`: steps, losses and ends are known functions of the rate."""

    def __init__(self, steps=lambda rate: np.full(rate.shape, 7), early=lambda rate: rate):
        self.steps, self.early, self.rates = steps, early, []

    def __call__(self, problem, method, optimizer, seeds, rates, owners, *args, **kwargs):
        rates = np.asarray(rates, float)
        assert max(owners) < len(seeds) and len(owners) == len(rates)
        self.rates.append(rates)
        curve = np.ones((regression.RECORDS, len(rates)))
        curve[choose.EARLY] = self.early(rates)
        return regression.Runs(
            self.steps(rates), np.where(rates < 1, 0.5, np.inf), curve, np.zeros((1, len(rates), 8))
        )


def _stub(monkeypatch, **kwargs) -> _Regression:
    stub = _Regression(**kwargs)
    monkeypatch.setattr(regression, "run", stub)
    return stub


@pytest.mark.parametrize(("best", "edge"), [(0, -1), (1, 0), (2, 1)])
def test_the_edges_of_the_grid(best, edge):
    rates, solved = np.array([0.1, 0.2, 0.4]), np.full((len(CHOOSING), 3), 50)
    curve = np.ones((regression.RECORDS, solved.size))
    solved[:, best] = 20
    curve[choose.EARLY] = solved.ravel() / 100
    grid = choose.Grid(300)
    grid.add(rates, regression.Runs(solved.ravel(), np.ones(solved.size), curve, None))
    for criterion in choose.CRITERIA:
        assert grid.best(criterion) == rates[best]
        assert grid.edge(criterion) == edge


@pytest.mark.parametrize("factor", [4.0**-9, 1.0, 4.0**9])
def test_the_grid_is_extended_until_the_best_rate_is_inside(factor, monkeypatch):
    best = factor * choose.first_guess(PLAIN, "plain", "sgd", "auto")

    def distance(rate):
        return np.abs(np.log2(rate / best))

    stub = _stub(
        monkeypatch,
        steps=lambda rate: np.round(10 * (1 + distance(rate))).astype(int),
        early=lambda rate: 1e-3 * (1 + distance(rate / 16)),  # best at another rate
    )
    rates, edges = choose.choose(PLAIN, "plain", "sgd")
    assert rates == pytest.approx([best, 16 * best])
    assert edges == [False, False]
    tried = np.concatenate(stub.rates)
    assert tried.min() < best and 16 * best < tried.max()


def test_steps_are_at_the_rate_for_speed_and_early_losses_at_the_other(monkeypatch):
    monkeypatch.setattr(one, "choose", lambda *_: ([0.25, 0.5], [False, True]))
    _stub(monkeypatch, steps=lambda rate: np.round(100 * rate).astype(int))
    found = one.measure(PLAIN._replace(target="sparse"), "plain", [0, 1, 2])
    assert len(found) == 3
    for tables in found:
        assert [row["optimizer"] for row in tables["runs"]] == ["sgd", "momentum", "adam"]
        assert "curves" not in tables
        for row in tables["runs"]:
            assert (row["rate"], row["early_rate"], row["rate_at_edge"]) == (0.25, 0.5, False)
            assert (row["steps"], row["early_loss"], row["diverged"]) == (25, 0.5, False)


def _steps_by_hand(h, d, error, rate, unit, most) -> int:
    """Of e <- e - rate D H e, one after the other, at the steps that are looked at."""
    looks = set(np.unique(np.geomspace(1, most, 400).round()).astype(int))
    for step in range(1, most + 1):
        error = error - rate * d * (h @ error)
        if step in looks and error @ h @ error / 2 / unit <= regression.SOLVED:
            return step
    return -1


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("plain", {}),
        ("plain own rates", {"data": "signed"}),
        ("square", {}),
        ("exp", {"data": "signed"}),
        ("softplus", {"data": "signed"}),
        ("EGU", {"data": "signed"}),
    ],
)
def test_the_frozen_geometry_by_hand(method, change):
    """With the parts of the start, of both signs; the geometry of two parts is that of the end."""
    problem, seeds = PLAIN._replace(steps=3000, **change), (0, 1)
    rate = 1.5 if method == "square" else 0.4
    form, _, dual = METHODS[method]
    w, base, slope = samples.start(problem._replace(steps=1), method, seeds)
    sample = samples.draw(problem, seeds)
    ends = np.repeat(w + 0.3, 2, axis=1)  # each seed at two rates
    runs = regression.Runs(None, None, None, ends)
    found = geometry.frozen(problem, method, runs, rate, seeds, "auto")
    signs = np.array([1, -1])[: len(w)]
    expected = []
    for i, target in enumerate(sample.weights):
        if form == "linear":
            first, derivative = base[:, i] + slope[:, i] * w[:, i], slope[:, i]
        else:
            phi = PARAMETER_ACTIVATIONS[form]
            first = phi.forward(w[:, i]).numpy()
            end = target[None] if len(w) == 1 else phi.forward(w[:, i] + 0.3).numpy()
            derivative = np.asarray(phi.derivative(end))
        d = np.sum(np.abs(derivative) if dual else derivative**2, axis=0)
        h = samples.hessian(problem, samples.draw(problem, seeds[i : i + 1])) @ np.eye(8)
        error = signs @ first - target
        expected.append(_steps_by_hand(h, d, error, rate, sample.variance[i] / 2, problem.steps))
    assert found == expected
    assert max(found) > 3


@pytest.mark.parametrize(
    ("rate", "size", "most", "expected"),
    [
        (0.1, 1.0, 300, 33),  # 0.9^66 <= 0.001 < 0.9^64
        (0.1, 2.0, 300, 16),  # 0.8^32 <= 0.001 < 0.8^30
        (0.2, 1.0, 300, 16),
        (1.0, 1.0, 300, 1),
        (0.1, 1.0, 20, -1),
        (2.1, 1.0, 300, -1),  # diverges
        (0.1, 0.0, 300, -1),
        (0.1, np.nan, 300, -1),
    ],
)
def test_quadratic_steps_in_closed_form(rate, size, most, expected):
    """(1 - rate d h)^(2 t) h e^2 / 2 over the unit, for weights that do not touch each other."""
    h, error = np.eye(3), np.array([1.0, -1.0, 0.5])
    unit = error @ error / 2
    assert geometry.quadratic_steps(h, np.full(3, size), error, rate, unit, most) == expected


@pytest.mark.parametrize("seeds", [[0, 1, 2], list(range(20))])
def test_shared_rates_have_the_steps_of_their_own(monkeypatch, seeds):
    def steps(rate):
        return np.where(rate > 0.5, -1, np.round(1 / rate)).astype(int)

    _stub(monkeypatch, steps=steps)
    found = one.measure_one_rate(PLAIN, "exp", seeds)
    assert len(found) == len(seeds)
    for rows in found:
        keys = [(row["optimizer"], row["rate"]) for row in rows]
        assert len(set(keys)) == len(keys) == 3 * len(one.SHARED_RATES)
        for row in rows:
            assert row["steps"] == (-1 if row["rate"] > 0.5 else round(1 / row["rate"]))
    frame = pd.DataFrame(
        [{"problem": "p", "method": "exp", "seed": i, **r} for i, rows in enumerate(found)
         for r in rows]
    )  # fmt: skip
    told = report({"one_rate": frame})
    first = told.tables["one_rate"].iloc[0]
    assert (first["optimizer"], first["0.1"], first["1"]) == ("sgd", "10", "never")
    assert np.isnan(told.figures["one_rate"].axes[0].lines[0].get_ydata()[-1])


@pytest.mark.slow
def test_targets_of_any_scale_and_how_far_they_are(monkeypatch):
    monkeypatch.setattr(one, "choose", lambda *_, **__: ([0.5, 0.1], [False, False]))
    _stub(monkeypatch, steps=lambda rate: np.round(10 / rate).astype(int))
    seeds, ways = [0, 1, 2], {}
    for scale in (1.0, 100.0):
        problem = PLAIN._replace(scale=scale)
        for method in problems.SCALED_METHODS:
            rows = one.measure_scale(problem, method, seeds)
            for seed, row in zip(seeds, rows, strict=True):
                assert row["scale"] == scale
                assert row["steps"] == 10 / one.SCALE_RATE  # at the one rate
                assert row["own_rate"] == 0.5 and row["own_steps"] == 20
                target = samples.draw(problem._replace(steps=1), (seed,)).weights[0]
                w = samples.start(problem._replace(steps=1), method, (seed,))[0][0, 0]
                goal = np.log(target) if method == "exp" else target
                way = max(abs(goal - w)[target > 0.3 * target.max()])
                assert row["way"] == pytest.approx(way / one.SCALE_RATE)
            ways[scale, method] = np.median([row["way"] for row in rows])
    # From zero the way is the largest weight: by scale, and of 8 weights up to 2 / 8 not above.
    assert ways[100.0, "plain zero"] == pytest.approx(100 * ways[1.0, "plain zero"])
    assert 10 < ways[1.0, "plain zero"] <= 25


# What the tables say.


def runs(method, steps, problem=PROBLEM, optimizer="sgd", **entries):
    known = {"problem": problem, "method": method, "optimizer": optimizer, "rate": 1.0}
    known |= {"rate_at_edge": False, "early_rate": 1.0, "early_loss": 0.1, "diverged": False}
    known |= {"moving": None, "frozen": None}
    return [
        {
            **known,
            "seed": i,
            "steps": t,
            **{k: v[i] if isinstance(v, list) else v for k, v in entries.items()},
        }
        for i, t in enumerate(steps)
    ]


def test_early_losses_have_the_interval_of_students_t():
    found = summaries.summarize(
        pd.DataFrame(runs("exp", [5, 6, 7], early_loss=[1e-1, 1e-2, 1e-3]))
    ).iloc[0]
    # The logarithms are -1, -2, -3: of mean -2 and deviation 1; t of two degrees at 97.5 %: 4.303.
    half = 4.30265273 / 3**0.5
    logs = np.log10([found["early_low"], found["early_loss"], found["early_high"]])
    np.testing.assert_allclose(logs, [-2 - half, -2, -2 + half], rtol=1e-6)
    single = summaries.early_loss([1e-2])
    assert list(single.values()) == pytest.approx([1e-2] * 3)


@pytest.mark.parametrize(
    ("steps", "base", "expected"),
    [
        ((5, 5, 5, 5), (10, 10, 10, 10), "faster"),
        ((5, 5, 5, -1), (10, -1, 10, 10), "same"),  # one of them arrives alone, and so does another
        ((5, 5, 20, 20), (10, 10, 10, 10), "same"),
        ((-1, -1, -1, -1), (10, 10, 10, 10), "slower"),
        ((-1, -1, -1, -1), (-1, -1, -1, -1), "same"),
        ((7, 9, 8, 10), (7, 9, 8, 10), "same"),
        ((5,), (10,), "same"),  # of a single seed there is no interval
    ],
)
def test_the_verdict_favours_neither_side(steps, base, expected):
    opposite = {"faster": "slower", "slower": "faster", "same": "same"}[expected]
    for (first, second), verdict in (((steps, base), expected), ((base, steps), opposite)):
        _, low, high = summaries.ratios(first, second)
        assert np.isnan([low, high]).all() == (len(steps) == 1)
        assert summaries.verdict(low, high) == verdict


def test_ratios_are_of_the_same_seed_and_symmetric():
    a, b = (10, 40, 20, 30, 25, 15), (20, 20, 60, 60, 25, 45)
    center, low, high = summaries.ratios(a, b)
    assert center == pytest.approx(2)  # of 2, 1/2, 3, 2, 1, 3
    inverse = summaries.ratios(b, a)
    assert inverse[0] == pytest.approx(1 / center)
    assert (inverse[1], inverse[2]) == pytest.approx((1 / high, 1 / low))
    assert low < center < high


def test_seeds_are_paired_by_their_names():
    rows = runs("plain", [10, 20, 40]) + runs("exp", [5, 10, 20])[::-1]
    found = summaries.summarize(pd.DataFrame(rows)).set_index("method")
    assert found.loc["exp", "ratio"] == pytest.approx(2)
    assert found.loc["exp", "ratio_low"] == pytest.approx(2)


def test_never_is_no_number_of_steps():
    rows = runs("plain", [10, 12, 14]) + runs("exp", [5, -1, -1])
    found = summaries.summarize(pd.DataFrame(rows)).set_index("method")
    assert found.loc["plain", "steps"] == 12 and found.loc["plain", "solved"] == 3
    assert found.loc["exp", "steps"] == math.inf and found.loc["exp", "solved"] == 1
    assert found.loc["exp", "ratio"] < 1e-9  # of 2, 0 and 0
    table = summaries.by_method(found.reset_index(), "sgd")
    assert table.to_dict("records")[0] == {"problem": PROBLEM, "plain": "12",
                                           "exp": "never (1/3)"}  # fmt: skip
    low, high = summaries.interval([5, -1, -1])
    assert low == pytest.approx(5) and high == math.inf


def test_verdicts_are_counted_from_the_side_of_the_method():
    frame = pd.DataFrame(runs("plain", [10, 12, 14]) + runs("exp", [2, 3, 4]))
    counts = {"optimizer": "sgd", "faster": 1, "same": 0, "slower": 0}
    assert summaries.against(frame, "exp", "plain") == [
        {"method": "exp", "base": "plain", **counts}
    ]
    counts |= {"faster": 0, "slower": 1}
    assert summaries.against(frame, "plain", "exp") == [
        {"method": "plain", "base": "exp", **counts}
    ]
    assert summaries.against(frame, "square", "plain") == []
    assert summaries.gains(summaries.summarize(frame)).to_dict("records") == [
        {"data": "positive", "target": "dense", "rows": "all", "sgd": "4"}
    ]


def test_steps_row_by_row_by_the_number_of_inputs():
    rows = [
        row
        for n, steps in ((8, 20), (64, 90), (512, -1))
        for row in runs("exp", [steps] * 3, f"signed-sparse-{n}-online")
    ]
    assert summaries.online(summaries.summarize(pd.DataFrame(rows))).to_dict("records") == [
        {
            "data": "signed",
            "target": "sparse",
            "method": "exp",
            "8 inputs": "20",
            "64 inputs": "90",
            "512 inputs": "never",
        }
    ]


def test_the_geometry_is_compared_where_both_arrive():
    frame = pd.DataFrame(runs("exp", [10, 20, -1], moving=[10, -1, 30]))
    first, _ = summaries.geometry(frame).to_dict("records")
    assert first == {
        "phi'^2": "at each step anew",
        "method": "exp",
        "runs": 3,
        "arrive": 2,
        "so, too": 1,
        "within 10 %": "100%",
    }


def test_scales_are_told_by_their_medians():
    rows = [
        {"method": "exp", "scale": 10.0, "seed": i, "steps": t, "way": 5.0 + i, "own_rate": 0.5,
         "own_steps": 3}
        for i, t in enumerate((7, -1, -1))
    ]  # fmt: skip
    (row,) = report({"scales": pd.DataFrame(rows)}).tables["scales"].to_dict("records")
    assert list(row.values()) == ["exp", "10", "never", "6", "0.5", "3"]


def test_transcribed_tables_are_shown_as_they_stand():
    table = pd.DataFrame({"problem": ["p"], "W x": ["13 · 61"]})
    found = report({"transcribed_steps": table})
    assert list(found.tables) == ["steps"] and not found.figures
    assert found.tables["steps"].equals(table)
