"""study_autoactivation: what it writes, that it goes on, and what it refuses."""

import csv
import json
import math

import numpy as np
import pytest

from training.studies.autoactivation import digits as autoactivated_digits
from training.studies.autoactivation import regression
from training.studies.autoactivation import __main__ as study_module
from training.studies.autoactivation.regression import METHODS, Problem
from training.studies.autoactivation.__main__ import (
    CHOOSING,
    DIGIT_CHOICE_SEED,
    PROBLEMS,
    choose_digit_rate,
    study,
)

PROBLEM = "positive-dense-8-condition10"
TINY = {"problems": [PROBLEM], "methods": ["plain", "exp"], "num_seeds": 3}
FILES = {
    "config.json",
    "conclusions.txt",
    "curves.png",
    "regression.csv",
    "regression.json",
    "steps.png",
    "table.md",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished study of two methods, and what it concluded."""
    workdir = tmp_path_factory.mktemp("study")
    return workdir, study(["regression"], workdir, **TINY)


def test_files(finished):
    workdir, sentences = finished
    assert {path.name for path in workdir.iterdir()} == FILES
    assert (workdir / "conclusions.txt").read_text().splitlines() == sentences
    assert PROBLEM in (workdir / "table.md").read_text()
    with open(workdir / "regression.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["method"], row["optimizer"]) for row in rows} == {
        (method, optimizer)
        for method in ("plain", "exp")
        for optimizer in ("sgd", "momentum", "adam")
    }
    assert all(row["seeds"] == "3" and float(row["rate"]) > 0 for row in rows)


def test_plain_weights_learn_it_and_each_method_has_a_rate_of_its_own(finished):
    rows = json.loads((finished[0] / "regression.json").read_text())[PROBLEM]
    plain = {row["optimizer"]: row for row in rows if row["method"] == "plain"}
    for row in plain.values():
        middle = row["curve"][0]
        assert middle[-1] < 1e-3 < middle[0]
    rates = {(row["method"], row["optimizer"]): row["rate"] for row in rows}
    assert rates["plain", "sgd"] != rates["exp", "sgd"]


def test_a_finished_study_is_read_and_not_run_again(finished, monkeypatch):
    workdir, sentences = finished

    def fail(*args, **kwargs):
        raise AssertionError("measured again")

    monkeypatch.setattr(study_module, "measure", fail)
    assert study(["regression"], workdir, **TINY) == sentences
    with pytest.raises(AssertionError, match="measured again"):  # what is not there, is measured
        study(["regression"], workdir.parent / "other", **TINY)


def test_another_study_needs_another_workdir(finished):
    with pytest.raises(ValueError, match="holds a run of another configuration"):
        study(["regression"], finished[0], **{**TINY, "num_seeds": 4})


@pytest.mark.slow
@pytest.mark.usefixtures("quick_data")
def test_digits(tmp_path):
    settings = {"variants": ["plain"], "num_digit_seeds": 2, "epochs": 1}
    study(["digits"], tmp_path, **settings)
    with open(tmp_path / "digits.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["optimizer"] for row in rows} == {"sgd", "momentum", "adam", "eg"}
    assert {row["seed"] for row in rows} == {"0", "1"}
    best = max(float(row["validation_accuracy"]) for row in rows)
    assert best > 0.3  # of ten classes
    assert (tmp_path / "digits.png").exists()
    assert "adam | plain" in (tmp_path / "table.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parts": []}, "study_parts must be at least one, and each once, got []"),
        ({"parts": ["words"]}, "study_parts must be one of ['regression', 'digits'], got 'words'"),
        ({"problems": ["easy"]}, f"study_problems must be one of {list(PROBLEMS)}, got 'easy'"),
        ({"methods": ["plain"] * 2}, "study_methods must be at least one, and each once, got"),
        ({"methods": ["sin"]}, f"study_methods must be one of {list(METHODS)}, got 'sin'"),
        ({"variants": []}, "study_variants must be at least one, and each once, got []"),
        ({"num_seeds": 0}, "num_seeds must be an integer >= 1, got 0"),
        (
            {"num_seeds": CHOOSING[0] + 1},
            f"seeds must leave {CHOOSING} to the choice of rates, got [{CHOOSING[0]}]",
        ),
        ({"parts": ["digits"], "num_digit_seeds": DIGIT_CHOICE_SEED + 1}, "num_digit_seeds must"),
        ({"epochs": 0}, "epochs must be an integer >= 1, got 0"),
        ({"sign": "negative"}, "autoactivation_sign must be one of"),
        (
            {"problems": ["signed-dense-8-condition10"], "sign": "positive"},
            "autoactivation_sign must be 'auto' or 'paired' for data that have signs",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input(arguments, message, tmp_path):
    parts = arguments.get("parts", ["regression"])
    rest = {key: value for key, value in arguments.items() if key != "parts"}
    with pytest.raises(ValueError) as error:
        study(parts, tmp_path / "new", **{**TINY, **rest})
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "new").exists()


class _Trainer:
    """Learns best at one rate, diverges beyond a hundred times that."""

    def __init__(self, best):
        self.best, self.rates = best, []

    def train(self, rate, seeds, epochs, report):
        assert (seeds, epochs) == ([DIGIT_CHOICE_SEED], 1)
        self.rates.append(rate)
        distance = abs(math.log10(rate / self.best))
        accuracy = math.nan if rate > 100 * self.best else max(0.1, 0.9 - distance / 10)
        return autoactivated_digits.Runs(
            np.zeros(1), np.array([[0.1, accuracy]]), np.full(1, math.nan), 1
        )


@pytest.mark.parametrize("best", [1e-6, 1e-3, 10**-2.5, 1e1])
def test_the_rate_of_digits_is_inside_of_those_that_were_tried(best):
    trainer = _Trainer(best)
    rate, tried = choose_digit_rate(trainer, "adam", 1, lambda: None)
    assert rate == pytest.approx(best)
    assert min(trainer.rates) < rate < max(trainer.rates)
    assert sorted(trainer.rates) == sorted(tried)
    assert len(tried) == len(set(trainer.rates)) == len(trainer.rates)


PLAIN = Problem("positive", "dense", 8, 10, "all", 300)


class _Regression:
    """In place of `regression.run`: steps, losses and ends are known functions of the rate."""

    def __init__(self, steps=lambda rate: np.full(rate.shape, 7), early=lambda rate: rate):
        self.steps, self.early, self.rates = steps, early, []

    def __call__(self, problem, method, optimizer, seeds, rates, owners, *args, **kwargs):
        rates = np.asarray(rates, float)
        self.rates.append(rates)
        curve = np.ones((regression.RECORDS, len(rates)))
        curve[study_module._EARLY] = self.early(rates)
        return regression.Runs(
            self.steps(rates), np.where(rates < 1, 0.5, np.inf), curve, np.zeros((1, len(rates), 8))
        )


def _stub(monkeypatch, **kwargs) -> _Regression:
    stub = _Regression(**kwargs)
    monkeypatch.setattr(study_module.regression, "run", stub)
    return stub


@pytest.mark.parametrize(("best", "edge"), [(0, -1), (1, 0), (2, 1)])
def test_the_edges_of_the_grid(best, edge):
    rates, solved = np.array([0.1, 0.2, 0.4]), np.full((len(CHOOSING), 3), 50)
    curve = np.ones((regression.RECORDS, solved.size))
    solved[:, best] = 20
    curve[study_module._EARLY] = solved.ravel() / 100
    grid = study_module._Grid(300)
    grid.add(rates, regression.Runs(solved.ravel(), np.ones(solved.size), curve, None))
    for criterion in ("speed", "early"):
        assert grid.best(criterion) == rates[best]
        assert grid.edge(criterion) == edge


@pytest.mark.parametrize("factor", [4.0**-9, 1.0, 4.0**9])
def test_the_grid_is_extended_until_the_best_rate_is_inside(factor, monkeypatch):
    best = factor * study_module._first_guess(PLAIN, "plain", "sgd", "auto")

    def distance(rate):
        return np.abs(np.log2(rate / best))

    stub = _stub(
        monkeypatch,
        steps=lambda rate: np.round(10 * (1 + distance(rate))).astype(int),
        early=lambda rate: 1e-3 * (1 + distance(rate / 16)),  # best at another rate
    )
    rates, edges = study_module.choose(PLAIN, "plain", "sgd")
    assert rates == pytest.approx([best, 16 * best])
    assert edges == [False, False]
    tried = np.concatenate(stub.rates)
    assert tried.min() < best and 16 * best < tried.max()


def test_steps_are_at_the_rate_for_speed_and_early_losses_at_the_other(monkeypatch):
    monkeypatch.setattr(study_module, "choose", lambda *_: ([0.25, 0.5], [False, True]))
    _stub(monkeypatch, steps=lambda rate: np.round(100 * rate).astype(int))
    rows = study_module.measure(PLAIN._replace(target="sparse"), ["plain"], [0, 1, 2])
    assert [row["optimizer"] for row in rows] == ["sgd", "momentum", "adam"]
    for row in rows:
        assert (row["rate"], row["early_rate"], row["rate_at_edge"]) == (0.25, 0.5, False)
        assert row["steps"] == [25] * 3
        assert row["early"] == [0.5] * 3
        assert row["curve"][0][study_module._EARLY] == 0.25
        assert row["diverged"] == 0


def _steps_by_hand(h, geometry, error, rate, unit, most) -> int:
    """Of e <- e - rate D H e, one after the other, at the steps that are looked at."""
    looks = set(np.unique(np.geomspace(1, most, 400).round()).astype(int))
    for step in range(1, most + 1):
        error = error - rate * geometry * (h @ error)
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
    w, base, slope = regression.start(problem._replace(steps=1), method, seeds)
    sample = regression.draw(problem, seeds)
    ends = np.repeat(w + 0.3, 2, axis=1)  # each seed at two rates
    runs = regression.Runs(None, None, None, ends)
    found = study_module._frozen(problem, method, runs, rate, seeds, "auto")
    signs = np.array([1, -1])[: len(w)]
    expected = []
    for i, target in enumerate(sample.weights):
        if form == "linear":
            first, derivative = base[:, i] + slope[:, i] * w[:, i], slope[:, i]
        else:
            phi = regression.PARAMETER_ACTIVATIONS[form]
            first = phi.forward(w[:, i]).numpy()
            end = target[None] if len(w) == 1 else phi.forward(w[:, i] + 0.3).numpy()
            derivative = np.asarray(phi.derivative(end))
        geometry = np.sum(np.abs(derivative) if dual else derivative**2, axis=0)
        h = regression.hessian(problem, regression.draw(problem, seeds[i : i + 1])) @ np.eye(8)
        error = signs @ first - target
        expected.append(
            _steps_by_hand(h, geometry, error, rate, sample.variance[i] / 2, problem.steps)
        )
    assert found == expected
    assert max(found) > 3


@pytest.mark.parametrize(
    ("rate", "geometry", "most", "expected"),
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
def test_quadratic_steps_in_closed_form(rate, geometry, most, expected):
    """(1 - rate d h)^(2 t) h e^2 / 2 over the unit, for weights that do not touch each other."""
    h, error = np.eye(3), np.array([1.0, -1.0, 0.5])
    unit = error @ error / 2
    d = np.full(3, geometry)
    assert study_module._quadratic_steps(h, d, error, rate, unit, most) == expected


def test_shared_rates_have_the_steps_of_their_own(monkeypatch):
    def steps(rate):
        return np.where(rate > 0.5, -1, np.round(1 / rate)).astype(int)

    _stub(monkeypatch, steps=steps)
    rows = study_module.measure_shared(PLAIN, ["plain", "exp"], "auto")
    keys = [(row["method"], row["optimizer"]) for row in rows]
    assert len(rows) == 2 * 3 * len(study_module.SHARED_RATES) and len(set(keys)) == 6
    for row in rows:
        expected = math.inf if row["rate"] > 0.5 else round(1 / row["rate"])
        assert row["steps"] == expected
    assert len({row["steps"] for row in rows}) == len(study_module.SHARED_RATES)


def test_targets_of_any_scale_and_how_far_they_are(monkeypatch):
    monkeypatch.setattr(study_module, "SCALES", (1.0, 100.0))
    monkeypatch.setattr(study_module, "choose", lambda *_, **__: ([0.5, 0.1], [False, False]))
    _stub(monkeypatch, steps=lambda rate: np.round(10 / rate).astype(int))
    seeds = [0, 1, 2]
    rows = study_module.measure_scales(seeds)
    assert [(row["scale"], row["method"]) for row in rows] == [
        (scale, method)
        for scale in (1.0, 100.0)
        for method in ("plain", "plain zero", "plain log-normal", "exp")
    ]
    for row in rows:
        assert row["steps"] == 10 / study_module.SCALE_RATE  # at the one rate
        assert row["own_rate"] == 0.5 and row["own_steps"] == 20
        problem = PLAIN._replace(scale=row["scale"], steps=1)
        ways = []
        for seed in seeds:
            target = regression.draw(problem, (seed,)).weights[0]
            w = regression.start(problem, row["method"], (seed,))[0][0, 0]
            goal = np.log(target) if row["method"] == "exp" else target
            ways.append(max(abs(goal - w)[target > 0.3 * target.max()]))
        assert row["way"] == pytest.approx(sorted(ways)[1] / study_module.SCALE_RATE)
    ways = {(row["scale"], row["method"]): row["way"] for row in rows}
    # From zero the way is the largest weight: by scale, and of 8 weights up to 2 / 8 not above.
    assert ways[100.0, "plain zero"] == pytest.approx(100 * ways[1.0, "plain zero"])
    assert 10 < ways[1.0, "plain zero"] <= 25


def test_early_losses_have_the_interval_of_students_t():
    row = {"problem": PROBLEM, "optimizer": "sgd", "rate": 1.0, "rate_at_edge": False}
    row |= {"early_rate": 1.0, "diverged": 0, "method": "exp"}
    (found,) = study_module.summarize([{**row, "steps": [5, 6, 7], "early": [1e-1, 1e-2, 1e-3]}])
    # The logarithms are -1, -2, -3: of mean -2 and deviation 1; t of two degrees at 97.5 %: 4.303.
    half = 4.30265273 / 3**0.5
    logs = np.log10([found["early_low"], found["early_loss"], found["early_high"]])
    np.testing.assert_allclose(logs, [-2 - half, -2, -2 + half], rtol=1e-6)
    (one,) = study_module.summarize([{**row, "steps": [5], "early": [1e-2]}])
    assert one["early_low"] == one["early_loss"] == one["early_high"] == pytest.approx(1e-2)


@pytest.mark.parametrize(
    ("seeds", "got"),
    [
        (["a"], r"\['a'\]$"),
        ([0, 1.5], r"\[0, 1.5\]$"),
        ([0, [1]], r"\[0, \[1\]\]$"),
        ([-1], r"\[-1\]$"),
        (3, "3$"),
        ([], r"\[\]$"),
        ([1, 1], r"\[1, 1\]$"),
    ],
)
def test_bad_seeds(seeds, got):
    message = f"^seeds must be integers >= 0, at least one, each once, got {got}"
    with pytest.raises(ValueError, match=message):
        study_module.measure(PLAIN, ["plain"], seeds)


def _steps(*values):
    return {"steps": list(values)}


@pytest.mark.parametrize(
    ("row", "base", "expected"),
    [
        ((5, 5, 5, 5), (10, 10, 10, 10), "faster"),
        ((5, 5, 5, -1), (10, -1, 10, 10), "same"),  # one of them arrives alone, and so does another
        ((5, 5, 20, 20), (10, 10, 10, 10), "same"),
        ((-1, -1, -1, -1), (10, 10, 10, 10), "slower"),
        ((-1, -1, -1, -1), (-1, -1, -1, -1), "same"),
        ((7, 9, 8, 10), (7, 9, 8, 10), "same"),
    ],
)
def test_the_verdict_favours_neither_side(row, base, expected):
    opposite = {"faster": "slower", "slower": "faster", "same": "same"}[expected]
    for (first, second), verdict in (((row, base), expected), ((base, row), opposite)):
        _, low, high = study_module.ratios(_steps(*first), _steps(*second))
        assert not np.isnan([low, high]).any()
        assert study_module.verdict({"ratio_low": low, "ratio_high": high}) == verdict


def test_ratios_are_of_the_same_seed_and_symmetric():
    a, b = _steps(10, 40, 20, 30, 25, 15), _steps(20, 20, 60, 60, 25, 45)
    center, low, high = study_module.ratios(a, b)
    assert center == pytest.approx(2)  # of 2, 1/2, 3, 2, 1, 3
    inverse = study_module.ratios(b, a)
    assert inverse[0] == pytest.approx(1 / center)
    assert (inverse[1], inverse[2]) == pytest.approx((1 / high, 1 / low))


def test_never_is_no_number_of_steps():
    row = {"problem": PROBLEM, "optimizer": "sgd", "rate": 1.0, "rate_at_edge": False}
    row |= {"early_rate": 1.0, "early": [0.1, 0.1, 0.1], "diverged": 0}
    plain = {**row, "method": "plain", "steps": [10, 12, 14]}
    rows = [plain, {**row, "method": "exp", "steps": [5, -1, -1]}]
    summaries = {s["method"]: s for s in study_module.summarize(rows)}
    assert summaries["plain"]["steps"] == 12 and summaries["plain"]["solved"] == 3
    assert summaries["exp"]["steps"] == math.inf and summaries["exp"]["solved"] == 1
    assert summaries["exp"]["ratio"] == 0  # of 2, 0 and 0
    assert "never (1/3)" in study_module.to_markdown(
        rows + [{**r, "optimizer": o} for r in rows for o in ("momentum", "adam")]
    )


def test_digits_are_compared_by_optimizer_and_told_apart_by_a_test():
    def row(variant, optimizer, steps):
        return {"variant": variant, "optimizer": optimizer, "steps": steps}

    rows = [
        row("plain", "adam", [100.0, 110.0, 105.0, 95.0]),
        row("exp", "adam", [50.0, 55.0, 52.0, 48.0]),
        row("square", "adam", [101.0, 108.0, 107.0, 96.0]),
        row("softplus", "adam", [88.0, 99.0, 94.0, 86.0]),  # p = 0.049 by itself
        row("cube", "adam", [300.0, 330.0, 310.0, 290.0]),
        row("log", "adam", [10.0, None, 10.0, 10.0]),
        row("plain", "sgd", [50.0, None, 50.0, 50.0]),  # nothing to compare with
        row("exp", "sgd", [10.0, 11.0, 10.0, 11.0]),
    ]
    (told,) = study_module.digit_conclusions(rows)
    assert "faster exp (2.00);" in told
    assert "not told apart softplus (1.12), square (0.99);" in told
    assert "slower cube (0.33)" in told and "not all seeds arrive: log" in told


def test_verdicts_are_counted_from_the_side_of_the_method():
    keys = {"problem": PROBLEM, "optimizer": "sgd"}
    rows = [
        {**keys, "method": "plain", "steps": [10, 12, 14]},
        {**keys, "method": "exp", "steps": [2, 3, 4]},
    ]
    faster = "sgd: faster on 1, as fast on 0, slower on 0"
    assert study_module._against(rows, "exp", "plain") == faster
    assert study_module._against(rows, "plain", "exp") == faster.replace(
        "1, as fast on 0, slower on 0", "0, as fast on 0, slower on 1"
    )
    assert study_module._against(rows, "square", "plain") == ""


def test_the_geometry_is_compared_where_both_arrive(finished):
    workdir, _ = finished
    rows = json.loads((workdir / "regression.json").read_text())[PROBLEM]
    (row,) = (row for row in rows if (row["method"], row["optimizer"]) == ("exp", "sgd"))
    row |= {"steps": [10, 20, -1], "moving": [10, -1, 30], "frozen": None}
    (told,) = (s for s in study_module.conclusions(rows, [], []) if "of 3 runs of exp on" in s)
    assert "2 arrive, and so do 1 of these; the steps are within 10 % of each other in 100%" in told


def test_seeds_that_diverge_do_not_hide_the_others():
    figures = []

    class Run:
        def save_figure(self, figure, name):
            figures.append(figure)

    row = {"variant": "exp", "looks": [0, 1], "validation": [[0.1, 0.9], [0.1, math.nan]]}
    optimizers = ("sgd", "momentum", "adam")
    study_module._draw_digits(Run(), [{**row, "optimizer": name} for name in optimizers])
    axis = figures[0].axes[2]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["exp (1 diverged)"]
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [10, 90])
