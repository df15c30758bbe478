"""study_autoactivation: what it writes, that it goes on, and what it refuses."""

import csv
import json
import math

import numpy as np
import pytest

from training import autoactivated_digits
from training import study_autoactivation as study_module
from training.autoactivated_regression import METHODS
from training.study_autoactivation import (
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
