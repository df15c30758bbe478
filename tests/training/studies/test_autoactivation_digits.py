"""Digits by y = phi(W) x: the networks, one trial, and what the tables say of the runs."""

import math

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from training.experiments import CHOICE_SEED, runner
from training.studies.autoactivation_digits import networks
from training.studies.autoactivation_digits import trial as one
from training.studies.autoactivation_digits.__main__ import STUDY
from training.studies.autoactivation_digits.report import FORMULAS, report
from weirdonetworks.layers import AutoactivationDense

IMAGES = tf.constant(np.random.default_rng(0).uniform(size=(6, 28, 28, 1)), tf.float32)


def test_the_variants_are_those_of_the_networks():
    assert STUDY.axes["variant"] == networks.VARIANTS == tuple(FORMULAS)


def made(variant: str):
    tf.random.set_seed(1)
    return networks.make(variant, IMAGES, (7, 5))


@pytest.mark.slow
def test_the_controls_start_where_the_network_with_exp_does():
    exp = made("exp")(IMAGES)
    for variant in ("plain log-normal", "plain own rates"):
        np.testing.assert_allclose(made(variant)(IMAGES), exp, rtol=1e-4, atol=1e-5)
    assert not np.allclose(made("plain")(IMAGES), exp, atol=1e-2)


def test_the_tangent_has_the_gradients_of_the_layer_at_its_start_and_no_curvature():
    layer = AutoactivationDense(3)
    x = tf.constant(np.random.default_rng(0).normal(size=(5, 4)))
    layer(x)
    tangent = networks.TangentDense(layer)
    gradients = []
    for module, names in ((layer, ("w", "w_minus", "b")), (tangent, ("v", "v_minus", "b"))):
        variables = [getattr(module, name) for name in names]
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(module(x)))
        gradients.append(tape.gradient(loss, variables))
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    assert len(tangent.trainable_variables) == 3

    def gap(step: float) -> float:
        v = np.random.default_rng(1).normal(size=(4, 3)) * step
        start_w, start_v = layer.w.numpy(), tangent.v.numpy()
        layer.w.assign_add(v), tangent.v.assign_add(v)
        difference = np.abs(layer(x) - tangent(x)).max()
        layer.w.assign(start_w), tangent.v.assign(start_v)
        return difference

    assert gap(1e-3) / gap(5e-4) == pytest.approx(4, abs=0.1)


@pytest.fixture(scope="module")
def training(mnist_5k):
    return one.Training("exp", "adam", mnist_5k, (8,))


@pytest.mark.slow
def test_seeds_and_rates_do_not_touch_each_other(training, mnist_5k):
    runs = []
    for seed, rate in ((1, 0.01), (2, 0.01), (2, 0.001), (2, 0.01)):
        steps, validation = training.run(seed, rate, 1)
        runs.append((validation, training.accuracy(mnist_5k.test)))
        assert len(validation) == len(steps) == 11 and steps[-1] == 35
    first, second, slower, again = runs
    assert second == again and first != second
    assert slower[0][-1] < second[0][-1] and second[0][-1] > 0.3


@pytest.mark.slow
def test_divergence_is_told(training):
    with pytest.raises(FloatingPointError, match="not finite"):
        training.run(1, 1e30, 2)


def test_steps_to_the_goal_are_interpolated():
    steps = np.array([0, 10, 20, 30])
    assert one.crossing(steps, [0.1, 0.94, 0.96, 0.9]) == pytest.approx(15)
    assert one.crossing(steps, [0.96, 0.94, 0.96, 0.9]) == 0
    assert math.isnan(one.crossing(steps, [0.1, 0.2, 0.5, 0.9]))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"variant": "sin"}, r"^variant must be one of .* got 'sin'$"),
        ({"optimizer": "lion"}, r"^optimizer must be one of .* got 'lion'$"),
        ({"batch_size": 1000}, r"^batch_size must be at most a 10th of the 3500 .* got 1000$"),
    ],
)
def test_bad_trainings(settings, message, mnist_5k):
    with pytest.raises(ValueError, match=message):
        one.Training(**{"variant": "exp", "optimizer": "sgd", "dataset": mnist_5k, **settings})


def test_cells_and_rates():
    cells = STUDY.all_cells(STUDY.axes)
    assert len(cells) == 11 * 3 + 1
    assert [cell["variant"] for cell in cells if cell["optimizer"] == "eg"] == ["plain"]
    for optimizer in STUDY.axes["optimizer"]:
        cell = {"optimizer": optimizer}
        start, rungs = STUDY.choose.next(cell, {}), np.array(STUDY.choose.all(cell))
        assert len(start) == 9 and len(rungs) == 25 and list(rungs[8:17]) == start
        np.testing.assert_allclose(rungs[2:] / rungs[:-2], 10, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_trial(tmp_path):
    """The rate is chosen after one epoch; the trial has all of them."""
    axes = {"variant": ["plain"], "optimizer": ["eg"], "dataset": ["mnist_5k"]}
    settings = {"epochs": 2}
    found = runner.run(STUDY, tmp_path, axes=axes, seeds=[1], settings=settings, workers=0)
    (row,) = found["runs"].to_dict("records")
    choices = found["choices"]
    assert set(choices["seed"]) == {CHOICE_SEED} and len(choices) >= 9
    best = choices.loc[choices["validation_accuracy"].idxmax(), "learning_rate"]
    assert row["learning_rate"] == best
    assert row["test_accuracy"] > 0.3 and row["validation_accuracy"] > 0.3  # of ten classes
    assert row["parameters"] == 784 * 100 + 100 * 100 + 100 * 10 + 210
    curve = found["curves"]
    assert list(curve["step"])[::10] == [0, 35, 70] and len(curve) == 21
    assert curve["validation_accuracy"].iloc[-1] == row["validation_accuracy"]


def runs(variant, optimizer, steps, **entries):
    known = {"variant": variant, "optimizer": optimizer, "dataset": "digits", "parameters": 5000}
    known |= {"status": "done", "learning_rate": 0.1, "validation_accuracy": 0.9}
    known |= {"test_accuracy": 0.8} | entries
    return [{**known, "seed": seed, "steps": step} for seed, step in enumerate(steps)]


def curves(rows):
    done = [row for row in rows if row["status"] == "done"]
    keys = ("variant", "optimizer", "seed")
    return pd.DataFrame(
        [
            {**{key: row[key] for key in keys}, "step": step, "validation_accuracy": accuracy}
            for row in done
            for step, accuracy in ((0, 0.1), (1, row["validation_accuracy"]))
        ]
    )


@pytest.mark.slow
def test_variants_are_compared_by_optimizer_and_told_apart_by_a_test():
    rows = [
        *runs("plain", "adam", [100.0, 110.0, 105.0, 95.0]),
        *runs("exp", "adam", [50.0, 55.0, 52.0, 48.0]),
        *runs("square", "adam", [101.0, 108.0, 107.0, 96.0]),
        *runs("softplus", "adam", [88.0, 99.0, 94.0, 86.0]),  # p = 0.049 by itself
        *runs("cube", "adam", [300.0, 330.0, 310.0, 290.0]),
        *runs("log", "adam", [10.0, None, 10.0, 10.0]),
        *runs("plain", "sgd", [50.0, None, 50.0, 50.0]),  # nothing to compare with
        *runs("exp", "sgd", [10.0, 11.0, 10.0, 11.0]),
    ]
    found = report({"runs": pd.DataFrame(rows), "curves": curves(rows)}).tables
    told = {
        row["variant"]: (row["optimizer"], row["ratio"], row["verdict"])
        for row in found["verdicts"].to_dict("records")
    }
    assert told == {
        "plain": ("adam", "", "baseline"),
        "exp": ("adam", "2.00", "faster"),
        "square": ("adam", "0.99", "not told apart"),
        "softplus": ("adam", "1.12", "not told apart"),
        "cube": ("adam", "0.33", "slower"),
        "log": ("adam", "", "not all seeds arrive"),
    }
    digits = found["digits"].set_index("weights")
    assert digits.loc["W", "adam: steps to 95%"] == "102 ± 6"
    assert digits.loc["W", "sgd: steps to 95%"] == "3 of 4"
    assert digits.loc["log W+ - log W-", "adam: steps to 95%"] == "3 of 4"
    assert digits.loc["W", "adam: test %"] == "80.00 ± 0.00"
    first = found["details"].iloc[0]
    assert (first["parameters"], first["learning rate"]) == ("5,000", "0.1")


def test_seeds_that_diverge_do_not_hide_the_others():
    lost = {"status": "diverged", "validation_accuracy": None, "test_accuracy": None}
    rows = runs("exp", "adam", [None]) + runs("exp", "adam", [None], **lost)
    rows[1]["seed"] = 1
    found = report({"runs": pd.DataFrame(rows), "curves": curves(rows)})
    (axis,) = found.figures["digits"].axes
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["exp (1 diverged)"]
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [10, 90])
    assert found.tables["digits"].iloc[0].tolist() == ["digits", "e^W+ - e^W-", "never", "80.00"]
    rows = runs("exp", "adam", [None], **lost)
    frame = {"runs": pd.DataFrame(rows)[["variant", "optimizer", "dataset", "seed", "status",
                                         "learning_rate"]]}  # fmt: skip
    frame["curves"] = pd.DataFrame(columns=["variant", "optimizer", "seed", "step"])
    assert report(frame).tables["digits"].iloc[0, -1] == "diverged"


def test_a_transcribed_table_is_shown_as_it_stands():
    table = pd.DataFrame({"weights": ["W"], "sgd: test %": ["96.70 ± 0.28"]})
    found = report({"transcribed": table})
    assert found.tables["digits"] is table and not found.figures
