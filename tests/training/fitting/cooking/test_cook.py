"""Restarts, seeds, time, files, other networks, and what is refused."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf

import weirdonetworks as wn
from tests.training.fitting.cooking.kitchen import (
    DATA,
    X,
    built,
    cook,
    error,
    law,
    posynomial,
    train_error,
    values,
)
from training.fitting import cooking
from training.fitting.cooking import (
    LBFGS,
    Adam,
    AddTerm,
    Anneal,
    Cook,
    LeastSquares,
    PruneTerms,
    Schedule,
    Start,
    solvers,
)
from weirdonetworks.layers import PosynomialDense, SignomialDense


@pytest.mark.slow
def test_the_best_restart_by_validation_is_kept():
    cooked = cook(posynomial, Adam(steps=30, learning_rate=0.05), restarts=6, seed=1)
    errors = [row["validation_error"] for row in cooked.rows]
    assert len(set(errors)) == 6 and [row["restart"] for row in cooked.rows] == list(range(6))
    assert cooked.restart == int(np.argmin(errors)) and cooked.validation_error == min(errors)
    network = cooked.network
    again = error(network, DATA.validation_inputs, DATA.validation_targets)
    assert again == pytest.approx(min(errors), rel=1e-9)
    assert cooked.restart not in (0, 5), "the first or the last would be kept without a choice"


@pytest.mark.slow
def test_enough_is_enough():
    cooked = cook(posynomial, Start("log_sum_exp"), restarts=50, target=1e-9)
    assert cooked.rows[-1]["validation_error"] <= 1e-9
    assert all(row["validation_error"] > 1e-9 for row in cooked.rows[:-1])
    assert len(cooked.rows) < 50


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits():
    phases = Start("max_affine"), Adam(steps=40, batch_size=7), AddTerm(spread=0.1), PruneTerms()
    first, again = (Cook(posynomial, DATA, Schedule(phases, restarts=2)) for _ in range(2))
    runs = [kept.run(seed, progress=False) for kept, seed in ((first, 3), (again, 3), (first, 4))]
    for a, b, c in zip(*(values(run.network).values() for run in runs), strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.any(a != c)
    columns = ("restart", "phase", "train_error", "validation_error")
    for a, b in zip(runs[0].rows, runs[1].rows, strict=True):
        assert [a[key] for key in columns] == [b[key] for key in columns]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_least_squares():
    """To rounding, where no parameter is redundant."""
    network = built(SignomialDense(1, 2))
    one, other = (cook(network, LeastSquares(max_evaluations=10)) for _ in range(2))
    for a, b in zip(values(one.network).values(), values(other.network).values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


@pytest.mark.slow
def test_when_the_time_is_over():
    cooked = cook(posynomial, LeastSquares(), LBFGS(), restarts=3, seconds=1e-6)
    assert [(row["kind"], row["complete"]) for row in cooked.rows] == [("least_squares", False)]
    whole = cook(posynomial, Start(), restarts=2)
    assert [row["complete"] for row in whole.rows] == [True, True]


@pytest.mark.slow
def test_a_start_that_fails_is_left():
    """The second network overflows at once; alone it would be an error."""
    calls = []

    def network():
        layer = built(SignomialDense(1, 2))
        if len(calls) % 2:
            layer.c.assign(tf.fill([2, 1], tf.constant(1e300, tf.float64)))
        calls.append(layer)
        return layer

    data = cooking.split(X, law(X))
    cooked = cook(network, LeastSquares(max_evaluations=5), data=data, restarts=2)
    errors = [row["validation_error"] for row in cooked.rows]
    assert sorted(np.isfinite(errors)) == [False, True] and np.isfinite(cooked.validation_error)
    bad = built(SignomialDense(1, 2))
    bad.c.assign(tf.fill([2, 1], tf.constant(1e300, tf.float64)))
    with pytest.raises(FloatingPointError, match="no restart ended with finite numbers"):
        cook(bad, LeastSquares(), data=data)


@pytest.mark.slow
def test_a_run_that_was_interrupted_goes_on(tmp_path, monkeypatch):
    phases = Start("max_affine"), AddTerm(spread=0.1), Adam(steps=30, batch_size=9)

    def run(**kwargs):
        return cook(posynomial, *phases, restarts=2, **kwargs)

    whole = run()
    adam, calls = solvers.adam, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        adam(*args)

    monkeypatch.setattr(solvers, "adam", interrupted)
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(workdir=folder)
    with open(folder / "phases.csv", newline="") as file:
        kinds = [line["kind"] for line in csv.DictReader(file)]
    assert kinds == ["start", "add_term", "adam", "start", "add_term"]
    with pytest.raises(ValueError, match="holds a run of this configuration already"):
        run(workdir=folder)
    with pytest.raises(ValueError, match=r"another configuration \(data: "):
        run(workdir=folder, data=cooking.split(X, law(X)), resume=True)
    resumed = run(workdir=folder, resume=True)
    assert len(calls) == 3
    for a, b in zip(values(whole.network).values(), values(resumed.network).values(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert resumed.restart == whole.restart
    assert [r["train_error"] for r in resumed.rows] == [r["train_error"] for r in whole.rows]
    result = json.loads((folder / "result.json").read_text())
    assert result["validation_error"] == whole.validation_error and result["rows"] == 6
    # Finished is finished.
    done = run(workdir=folder, resume=True)
    assert len(calls) == 3 and done.validation_error == whole.validation_error
    (folder / "state.npz").write_bytes(b"half a file")
    with pytest.raises(ValueError, match="cannot be read"):
        run(workdir=folder, resume=True)


@pytest.mark.slow
def test_an_ordinary_network_learns_classes():
    labels = (law(X) > np.median(law(X))).astype(np.int64)
    data = cooking.split(X.astype(np.float32), labels)
    cooked = cook(
        lambda: wn.nets.MLP(2, (4,)),
        Adam(steps=200, learning_rate=0.03, batch_size=15),
        LBFGS(max_iterations=30, frozen=("*linear_0/*",)),
        data=data,
        loss="cross_entropy",
    )
    assert cooked.rows[1]["train_error"] < cooked.rows[0]["train_error"] < 0.4
    logits = cooked.network(tf.constant(data.train_inputs)).numpy()
    assert logits.dtype == np.float32
    assert np.mean(logits.argmax(axis=1) == data.train_targets) > 0.85
    with pytest.raises(ValueError, match="^loss must have residuals for least squares"):
        cook(lambda: wn.nets.MLP(2, ()), LeastSquares(), data=data, loss="cross_entropy")


@pytest.mark.slow
def test_an_ordinary_network_by_least_squares():
    network = built(wn.nets.MLP(1, (3,)))
    cooked = cook(network, LeastSquares(max_evaluations=30))
    assert train_error(cooked.network) < 0.2 * train_error(network)


def changed(**kwargs) -> cooking.Data:
    return DATA._replace(**kwargs)


@pytest.mark.parametrize(
    ("network", "phases", "kwargs", "message"),
    [
        (posynomial, [Adam(frozen=("*/w",))], {}, "frozen must match variables of the network"),
        (posynomial, [Anneal(("*/w",))], {}, "exponents must match variables of the network"),
        (
            lambda: PosynomialDense(1, 2, nonnegative_exponents=True),
            [Anneal()],
            {},
            "exponents must be variables, which those of layers with nonnegative_exponents",
        ),
        (posynomial, [Adam(batch_size=999)], {}, r"batch_size must be in 1 \.\. 42"),
        (lambda: posynomial(20), [LeastSquares()], {}, "method must be 'trf' for fewer residuals"),
        (lambda: PosynomialDense(2, 2), [Start()], {}, "targets must be floating numbers of the"),
        (lambda: wn.nets.MLP(1, ()), [Start()], {}, "layer must be a PosynomialDense or"),
        (posynomial, [AddTerm("layers.0")], {}, "layer must be an attribute path of Posynomial"),
        (lambda: None, [Adam()], {}, "network must make a Sonnet module, got None"),
        ("mlp", [Adam()], {}, "network must be a Sonnet module or a function"),
        (posynomial(), [Adam()], {"restarts": 2}, "network must be a function that makes one"),
        (posynomial, [Adam()], {"seed": -1}, "seed must be an integer >= 0"),
        (posynomial, [Adam()], {"seconds": 0}, "seconds must be a finite number > 0"),
        (posynomial, [Adam()], {"loss": "cross_entropy"}, r"targets must be labels 0 \.\. 0"),
        (
            posynomial,
            [Adam()],
            {"data": changed(train_targets=-DATA.train_targets), "loss": "log"},
            "targets must be > 0 for loss 'log'",
        ),
        (
            posynomial,
            [Adam()],
            {"data": changed(train_inputs=DATA.train_inputs * np.nan)},
            "train inputs must be finite",
        ),
        (
            posynomial,
            [Adam()],
            {"data": changed(validation_targets=np.ones(3))},
            "validation inputs and targets must have the same number of rows",
        ),
        (
            posynomial,
            [Adam()],
            {"data": changed(train_inputs=np.ones((42, 2), int))},
            "train inputs must be floating",
        ),
    ],
)
def test_bad_runs(network, phases, kwargs, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        cook(network, *phases, **kwargs)


@pytest.mark.slow
def test_a_bad_phase_is_refused_before_the_first_has_run(tmp_path, monkeypatch):
    monkeypatch.setattr(solvers, "adam", lambda *_: pytest.fail("ran"))
    data = changed(train_targets=-DATA.train_targets)
    for last, message in (
        (LBFGS(frozen=("*/w",)), "frozen must match"),
        (Anneal(("*/w",)), "exponents must match"),
        (AddTerm("layers"), "layer must be an attribute path"),
        (LBFGS(loss="log"), "targets must be > 0"),
    ):
        with pytest.raises(ValueError, match=f"^{message}"):
            cook(posynomial, Adam(), last, data=data, workdir=tmp_path / "run")
    assert not any(tmp_path.iterdir())
