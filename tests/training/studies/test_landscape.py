"""The ground about minima: an exact loss, the order of units, and rows of every part."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import weirdonetworks as wn
from training.experiments import runner
from training.studies.landscape import students, trial
from training.studies.landscape.__main__ import ALL, STUDY, cells
from training.studies.landscape.report import report

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_the_kernel_is_the_mean_over_inputs(degree):
    """Exactly, by Gauss and Hermite's quadrature: x meets u and v in a plane."""
    u, v = RNG.normal(size=(3, 2)) * 0.5, RNG.normal(size=(4, 2)) * 0.5
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    weights = weights / weights.sum()
    x = np.stack(np.meshgrid(nodes, nodes), -1).reshape(-1, 2)
    w = np.outer(weights, weights).reshape(-1)
    expected = np.einsum("n,nk,nh->kh", w, (x @ u.T) ** degree, (x @ v.T) ** degree)
    found = students.kernel(tf.constant(u), tf.constant(v), degree)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_the_loss_is_0_at_the_teacher_in_any_order_and_1_at_nothing(degree):
    teacher = tf.constant(RNG.normal(size=(4, 3)))
    more = tf.concat([teacher[::-1], tf.zeros([2, 3], tf.float64)], axis=0)
    assert abs(float(students.population_loss(more, teacher, degree))) < 1e-12
    nothing = students.population_loss(0 * more, teacher, degree)
    assert float(nothing) == pytest.approx(1)
    wrong = tf.concat([teacher[:3], teacher[:1]], axis=0)
    assert float(students.population_loss(wrong, teacher, degree)) > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("degree", [2, 3, 4])
def test_a_student_that_can_finds_the_teacher_and_one_that_cannot_does_not(degree):
    common = {"teacher": 10, "inputs": 10, "starts": 5, "steps": 20_000, "seed": 0}
    enough = students.look(degree, 12, **common)
    assert np.mean(enough.found) > 0.5
    for fewer in (8, 9):
        assert not students.look(degree, fewer, **common).found.any()
    np.testing.assert_array_equal(students.look(degree, 12, **common).loss, enough.loss)


@pytest.mark.slow
def test_no_square_student_with_a_unit_less_is_below_the_threshold():
    """Of all matrices of lower rank: those that drop an eigenvalue and stretch the others."""
    rng = np.random.default_rng(1)
    teacher = rng.normal(size=(5, 6))
    values, vectors = np.linalg.eigh(teacher.T @ teacher)
    low = students.threshold(teacher, 2)
    for stretch in np.linspace(0.9, 1.1, 201):
        kept = (vectors * np.sqrt(values.clip(0) * stretch)).T[2:]  # the four largest
        loss = float(students.population_loss(tf.constant(kept), tf.constant(teacher), 2))
        assert loss > 5 * low
    assert students.threshold(teacher, 3) == students.FOUND


def _mlp(seed: int) -> wn.nets.MLP:
    tf.random.set_seed(seed)
    network = wn.nets.MLP(3, (12, 9))
    network(tf.zeros([1, 6, 6]))
    return network


@pytest.mark.slow
def test_units_are_put_in_the_order_of_the_first():
    """Of a copy with shuffled units, the very order; a copy's function never changes."""
    images = tf.constant(RNG.normal(size=(300, 6, 6)), tf.float32)
    first, second = _mlp(1), _mlp(2)
    for one, other in zip(first.trainable_variables, second.trainable_variables, strict=True):
        other.assign(one)
    orders = RNG.permutation(12), RNG.permutation(9)
    for i, order in enumerate(orders):
        before, after = second.layers[i : i + 2]
        before.w.assign(before.w.numpy()[:, order])
        before.b.assign(before.b.numpy()[order])
        after.w.assign(after.w.numpy()[order])
    logits = second(images)
    assert np.abs(first.layers[0].w - second.layers[0].w).max() > 0.1
    trial.permute_units(first, second, images)
    np.testing.assert_allclose(second(images), logits, atol=1e-5)
    for one, other in zip(first.trainable_variables, second.trainable_variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_barrier_is_above_the_line_between_the_ends():
    def line(*losses):
        return pd.DataFrame({"t": np.linspace(0, 1, len(losses)), "loss": losses})

    assert trial.barrier(line(1.0, 2.5, 2.0)) == pytest.approx(1.0)
    assert trial.barrier(line(1.0, 1.5, 2.0)) == 0
    assert trial.barrier(line(1.0, 0.5, 2.0)) == 0


def test_each_part_has_its_cells():
    found = cells(STUDY.axes)
    counts = pd.Series([cell["part"] for cell in found]).value_counts()
    networks, dimensions = len(STUDY.axes["network"]), len(STUDY.axes["dimension"])
    assert counts["students"] == 3 * len(STUDY.axes["units"])
    assert counts["dimension"] == networks * dimensions and counts["spectrum"] == networks
    assert counts["paths"] == 2  # of networks whose units have no order
    assert not any("dataset" in cell for cell in found if cell["part"] == "students")


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_trials_and_report(tmp_path, few_digits_file, monkeypatch):
    small = {"mlp-5": ("mlp", {"hidden_sizes": (5,)})}
    monkeypatch.setattr(trial, "NETWORKS", small)
    monkeypatch.setattr(trial, "_STEPS", 5)
    study = dataclasses.replace(STUDY, axes={**STUDY.axes, "network": ["mlp-5"]})
    axes = {**study.axes, "dataset": [str(few_digits_file)], "dimension": [ALL, 20, 10**6],
            "degree": [2], "units": [2, 3]}  # fmt: skip
    settings = {"epochs": 2, "starts": 3, "teacher": 3, "inputs": 4, "steps": 50}
    with pytest.raises(ValueError, match="^teacher must be at most inputs, 4, got 5$"):
        trial.trial({"part": "students", "degree": 2}, 0, None, **{**settings, "teacher": 5})
    tables = runner.run(study, tmp_path, axes=axes, seeds=[0], settings=settings, workers=0)
    assert set(tables) >= {"students", "dimension", "spectrum", "eigenvalues", "paths"}
    assert set(tables["dimension"]["dimension"]) == {ALL, 20}  # there are no 10^6 weights
    paths = tables["paths"].groupby("path")["loss"]
    ends = paths.agg(["first", "last"])
    np.testing.assert_allclose(ends.loc["straight"], ends.loc["permuted"], rtol=1e-4)
    np.testing.assert_allclose(ends.loc["straight"], ends.loc["curved"], rtol=1e-4)
    told = report(tables)
    assert set(told.figures) == {"students", "dimension", "spectrum", "paths"}
    assert set(told.tables) == {*told.figures, "intrinsic"}
    assert tables["eigenvalues"].groupby("probe")["share"].sum().to_numpy() == pytest.approx(1)


def test_what_is_enough():
    rows = pd.DataFrame(
        [
            {"dataset": "d", "network": "n", "dimension": d, "seed": 0, "numbers": 5000,
             "status": "done", "test_accuracy": a}
            for d, a in ((ALL, 1.0), (100, 0.8), (200, 0.89), (400, 0.9), (750, 0.95))
        ]
    )  # fmt: skip
    line = report({"dimension": rows}).tables["intrinsic"].iloc[0]
    assert line["enough for 90 %"] == "400"
