"""Cooking: that each phase does what it says, and that nothing is lost or moved in between."""

import csv
import dataclasses
import json

import numpy as np
import pytest
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training import cooking
from training.fitting.cooking import LBFGS
from training.fitting.cooking import Adam
from training.fitting.cooking import AddTerm
from training.fitting.cooking import Anneal
from training.fitting.cooking import Cook
from training.fitting.cooking import LeastSquares
from training.fitting.cooking import PruneTerms
from training.fitting.cooking import Schedule
from training.fitting.cooking import Start
from training.fitting.cooking import solvers
from training.fitting.cooking.objective import Objective
from weirdonetworks.layers import PosynomialDense, SignomialDense

RNG = np.random.default_rng(5)
X = RNG.uniform(0.5, 3, (60, 2))
# Exponents by term, coefficients.
LAW = np.array([[1, 2], [-0.5, 0]]), np.array([0.7, 3.0])


def law(x: np.ndarray, exponents=LAW[0], coefficients=LAW[1]) -> np.ndarray:
    return np.prod(x[:, None] ** exponents, axis=2) @ coefficients


DATA = cooking.split(X, law(X), 0.3)


def posynomial(terms: int = 2) -> PosynomialDense:
    return PosynomialDense(1, terms)


def built(layer: snt.Module, seed: int = 0, x: np.ndarray = X) -> snt.Module:
    tf.random.set_seed(seed)
    layer(tf.constant(x))
    return layer


def values(network: snt.Module) -> dict[str, np.ndarray]:
    return {v.name: v.numpy() for v in network.trainable_variables}


def error(network: snt.Module, x: np.ndarray, y: np.ndarray) -> float:
    """The error of the squared loss, over the root mean square of the rows for training."""
    r = network(tf.constant(x)).numpy()[:, 0] - y
    return float(np.sqrt(np.mean(r**2) / np.mean(DATA.train_targets**2)))


def train_error(network: snt.Module) -> float:
    return error(network, DATA.train_inputs, DATA.train_targets)


def cook(network, *phases, data=DATA, seed=0, **kwargs):
    settings = {k: kwargs.pop(k) for k in ("restarts", "loss", "target") if k in kwargs}
    schedule = Schedule(phases, **settings)
    return cooking.cook(network, data, schedule, seed, progress=False, **kwargs)


OPTIMISERS = {
    "adam": Adam(steps=250, learning_rate=0.03),
    "adam-batches": Adam(steps=250, learning_rate=0.03, batch_size=10),
    "lm": LeastSquares(),
    "trf": LeastSquares(method="trf"),
    "lbfgs": LBFGS(max_iterations=100),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_each_optimiser_lowers_the_error_of_a_copy(name):
    network = built(posynomial())
    start, before = train_error(network), values(network)
    cooked = cook(network, OPTIMISERS[name])
    assert train_error(cooked.network) < 0.2 * start
    assert cooked.train_error == pytest.approx(train_error(cooked.network), rel=1e-6, abs=1e-14)
    validation = error(cooked.network, DATA.validation_inputs, DATA.validation_targets)
    assert cooked.validation_error == pytest.approx(validation, rel=1e-6, abs=1e-14)
    for key, value in values(cooked.network).items():
        assert not np.any(value == before[key])  # and so is what stays when frozen no accident
        np.testing.assert_array_equal(values(network)[key], before[key])


def test_levenberg_marquardt_recovers_two_terms():
    cooked = cook(posynomial, LeastSquares(), restarts=5, target=1e-12)
    order = np.argsort(cooked.network.exponents[1])[::-1]
    found = cooked.network.exponents.numpy().T[order], cooked.network.coefficients.numpy()[order, 0]
    np.testing.assert_allclose(found[0], LAW[0], atol=1e-10)
    np.testing.assert_allclose(found[1], LAW[1], rtol=1e-10)
    assert cooked.train_error < 1e-12


@pytest.mark.parametrize("name", ["adam-batches", "lm", "lbfgs"])
def test_what_is_frozen_stays_to_the_bit(name):
    network = built(posynomial())
    cooked = cook(network, dataclasses.replace(OPTIMISERS[name], frozen=("*/a",)))
    before, after = values(network), values(cooked.network)
    np.testing.assert_array_equal(after["posynomial_dense/a:0"], before["posynomial_dense/a:0"])
    assert np.all(after["posynomial_dense/theta:0"] != before["posynomial_dense/theta:0"])
    assert train_error(cooked.network) < train_error(network)


@pytest.mark.parametrize("rows", [60, 4], ids=["more-rows", "fewer-rows"])
@pytest.mark.parametrize("loss", ["squared", "relative", "log"])
def test_jacobian_and_gradient(rows, loss):
    network = built(posynomial())
    data = cooking.Data(X[:rows], law(X[:rows]), X, law(X))
    objective = Objective(network, data)
    x = objective.values()
    step = 1e-6 * np.eye(len(x))
    f = network(tf.constant(X[:rows])).numpy()[:, 0]
    y = law(X[:rows])
    wanted = {
        "squared": (f - y) / np.sqrt(np.mean(y**2)),
        "relative": (f - y) / y,
        "log": np.log(f / y),
    }[loss]
    r = objective.residuals(loss, x)
    np.testing.assert_allclose(r, wanted / np.sqrt(rows), rtol=1e-9)
    numeric = [objective.residuals(loss, x + e) - objective.residuals(loss, x - e) for e in step]
    jacobian = objective.jacobian(loss, x)
    assert jacobian.shape == (rows, 9 - 2)
    np.testing.assert_allclose(jacobian, np.array(numeric).T / 2e-6, atol=1e-7)
    if rows == 60 and loss == "squared":
        value, gradient = objective.loss_and_gradient(loss, x)
        assert value == pytest.approx(np.mean(wanted**2))
        np.testing.assert_allclose(gradient, 2 * jacobian.T @ r, rtol=1e-9)


# Starting points.


def test_one_monomial_is_found_by_log_linear_least_squares():
    fit = cooking.fit_log_linear(np.log(X), np.log(law(X, LAW[0][:1], LAW[1][:1])))
    np.testing.assert_allclose(fit.a[:, 0], LAW[0][0], atol=1e-12)
    np.testing.assert_allclose(fit.b, np.log(0.7), atol=1e-12)


def test_max_affine_and_log_sum_exp():
    log_x = RNG.normal(size=(300, 2))
    a, b = np.array([[1.0, -2.0, 0.5], [0.0, 1.0, -1.0]]), np.array([0.0, 1.0, -0.5])
    planes = log_x @ a + b
    errors = {}
    for name, y, fit in (
        ("max", planes.max(axis=1), cooking.fit_max_affine),
        ("sum", np.log(np.exp(planes).sum(axis=1)), cooking.fit_log_sum_exp),
        ("max of sum", np.log(np.exp(planes).sum(axis=1)), cooking.fit_max_affine),
    ):
        found = [fit(log_x, y, 3, seed) for seed in range(5)]
        if name == "sum":
            residuals = [np.log(np.exp(f(log_x)).sum(axis=1)) - y for f in found]
        else:
            residuals = [f(log_x).max(axis=1) - y for f in found]
        errors[name] = min(np.abs(r).max() for r in residuals)
    assert errors["max"] < 1e-10 and errors["sum"] < 1e-10
    assert errors["max of sum"] > 1e-2
    fewer = cooking.fit_max_affine(log_x, planes.max(axis=1), 2)(log_x).max(axis=1)
    assert np.abs(fewer - planes.max(axis=1)).max() > 1e-2


@pytest.mark.parametrize("cls", [PosynomialDense, SignomialDense])
@pytest.mark.parametrize("sign", [1, -1])
def test_starts_set_the_network(cls, sign):
    if sign < 0 and cls is PosynomialDense:
        with pytest.raises(ValueError, match=r"^targets must be > 0 for a start"):
            cook(lambda: cls(1, 2), Start(), data=cooking.split(X, -law(X)))
        return
    data = cooking.split(X, sign * law(X), 0.3)
    for method, bound in (("log_linear", 0.4), ("max_affine", 0.3), ("log_sum_exp", 1e-10)):
        cooked = cook(lambda: cls(1, 2), Start(method, spread=0.1), data=data)
        assert cooked.train_error < bound, method
    one = cook(lambda: cls(1, 1), Start("log_linear"), data=data)
    fit = cooking.fit_log_linear(np.log(data.train_inputs), np.log(np.abs(data.train_targets)))
    np.testing.assert_allclose(one.network.exponents, fit.a, atol=1e-12)


# Terms.


LAYERS = {
    "posynomial": lambda: PosynomialDense(2, 3),
    "log": lambda: PosynomialDense(2, 3, log_output=True),
    "nonnegative": lambda: PosynomialDense(2, 3, nonnegative_exponents=True),
    "signomial": lambda: SignomialDense(2, 3),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_term_more_keeps_the_function(name):
    layer = built(LAYERS[name]())
    y = layer(X).numpy()

    def change(how, **kwargs):
        new, kept = cooking.add_term(layer, X, how, **kwargs)
        assert new.num_terms == 4 and new.exponents.shape == (2, 4)
        assert all(np.all(np.isfinite(v)) for v in new.trainable_variables)
        same = kept[kept >= 0]
        np.testing.assert_array_equal(
            new.raw_exponents.numpy()[:, kept >= 0], layer.raw_exponents.numpy()[:, same]
        )
        return np.abs(new(X).numpy() - y).max() / np.abs(y).max()

    assert change("duplicate") < 1e-14
    assert 0 < change("tiny", share=1e-4) < 2e-4
    # Quadratic in the spread.
    wide, narrow = (change("duplicate", spread=spread) for spread in (0.02, 0.01))
    assert 1e-9 < wide < 1e-2 and wide / narrow == pytest.approx(4, rel=0.3)


@pytest.mark.parametrize("cls", [PosynomialDense, SignomialDense])
def test_pruning_takes_only_what_is_negligible(cls):
    layer = built(cls(1, 4))
    a = np.array([[1.0, 0.5, -1.0, 1.0], [0.0, 2.0, 1.0, 0.0]])
    c = np.array([1.0, 1e-7, 0.01, 2.0])
    cooking.terms.set_terms(layer, a, np.log(c)[:, None])
    y = layer(X).numpy()
    new, kept = cooking.prune_terms(layer, X, 1e-5)
    assert list(kept) == [0, 2]  # the last has the first one's exponents
    np.testing.assert_allclose(cooking.terms.coefficients(new)[:, 0], [3, 0.01], rtol=1e-12)
    change = np.abs(new(X) / y - 1).max()
    assert 1e-9 < change < 1e-5
    # The third is more than that somewhere, so it takes another share to lose it.
    assert list(cooking.prune_terms(layer, X, 0.1)[1]) == [0]
    assert list(cooking.prune_terms(layer, X, 1e-9)[1]) == [0, 1, 2]
    assert list(cooking.prune_terms(layer, X, 0.9999999)[1]) == [0]


def test_terms_in_a_schedule():
    """One term, a second, a third that is not needed, and away with it."""
    cooked = cook(
        lambda: posynomial(1),
        Start(),
        LeastSquares(),
        AddTerm(spread=0.2),
        LeastSquares(),
        AddTerm(how="tiny", share=1e-9),
        PruneTerms(share=1e-6),
    )
    rows = cooked.rows
    assert [row["terms"] for row in rows] == [None, None, 2, None, 3, 2]
    assert [row["parameters"] for row in rows] == [4, 4, 7, 7, 10, 7]
    errors = [row["train_error"] for row in rows]
    assert errors[1] > 0.01 > 1e-10 > errors[3]
    assert 0 < errors[4] < 1e-8 and errors[5] < 1e-12
    assert cooked.network.num_terms == 2


def test_terms_of_a_layer_within_a_network():
    def network():
        return wn.nets.PosynomialMLP(1, (3,), 4)

    data = cooking.split(X, np.log(law(X)))
    cooked = cook(network, AddTerm("layers.0"), PruneTerms("layers.0", 1e-9), data=data)
    assert [row["terms"] for row in cooked.rows] == [5, 4]
    one, other = (row["train_error"] for row in cooked.rows)
    assert one == pytest.approx(other, rel=1e-12)
    names = [v.name for v in built(network()).trainable_variables]
    assert [v.name for v in cooked.network.trainable_variables] == names


# Exponents to fractions.


def test_the_nearest_fraction():
    near = cooking.nearest_fraction(np.array([0.34, -0.52, 1.9, 0.1, -0.01]), (1, 2, 3))
    np.testing.assert_array_equal(near, [1 / 3, -0.5, 2, 0, 0])
    assert not np.signbit(near[-1])
    np.testing.assert_array_equal(cooking.nearest_fraction(np.array([0.34, 1.9]), (1,)), [0, 2])


@pytest.mark.parametrize("method", ["one_by_one", "penalty"])
def test_annealing_ends_on_fractions_that_stay(method):
    noisy = law(X) * (1 + 0.01 * np.random.default_rng(1).normal(size=len(X)))
    cooked = cook(
        posynomial,
        Start("log_sum_exp"),
        LeastSquares(),
        Anneal(method=method, denominators=(1, 2)),
        Adam(steps=50),
        data=cooking.split(X, noisy, 0.3),
    )
    free, annealed, later = cooked.rows[1:]
    a = cooked.network.exponents.numpy()
    np.testing.assert_array_equal(a[:, np.argsort(a[1])[::-1]], LAW[0].T)
    assert (free["held"], annealed["held"], later["held"]) == (0, 4, 4)
    assert annealed["train_error"] > free["train_error"]  # the free ones had the noise, too
    assert later["train_error"] != annealed["train_error"]


@pytest.mark.parametrize("method", ["one_by_one", "penalty"])
@pytest.mark.parametrize("tolerance", [1.5, None])
def test_annealing_leaves_what_is_no_fraction(method, tolerance):
    y = law(X, np.array([[0.83, 2]]), np.array([2.0]))
    data = cooking.split(X, y, 0.3)
    phase = Anneal(method=method, denominators=(1, 2), tolerance=tolerance)
    cooked = cook(lambda: posynomial(1), Start(), phase, data=data)
    a = cooked.network.exponents.numpy()[:, 0]
    if tolerance is None:  # at any price
        np.testing.assert_array_equal(a, [1, 2])
        assert cooked.rows[-1]["held"] == 2 and cooked.validation_error > 0.01
    else:
        np.testing.assert_allclose(a, [0.83, 2], atol=1e-9)
        assert cooked.rows[-1]["held"] == (1 if method == "one_by_one" else 0)
        assert cooked.validation_error < 1e-8


# Restarts, seeds, time.


def test_the_best_restart_by_validation_is_kept():
    cooked = cook(posynomial, Adam(steps=30, learning_rate=0.05), restarts=6, seed=1)
    errors = [row["validation_error"] for row in cooked.rows]
    assert len(set(errors)) == 6 and [row["restart"] for row in cooked.rows] == list(range(6))
    assert cooked.restart == int(np.argmin(errors)) and cooked.validation_error == min(errors)
    network = cooked.network
    again = error(network, DATA.validation_inputs, DATA.validation_targets)
    assert again == pytest.approx(min(errors), rel=1e-9)
    assert cooked.restart not in (0, 5), "the first or the last would be kept without a choice"


def test_enough_is_enough():
    cooked = cook(posynomial, Start("log_sum_exp"), restarts=50, target=1e-9)
    assert cooked.rows[-1]["validation_error"] <= 1e-9
    assert all(row["validation_error"] > 1e-9 for row in cooked.rows[:-1])
    assert len(cooked.rows) < 50


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


def test_the_same_seed_gives_the_same_least_squares():
    """To rounding, where no parameter is redundant."""
    network = built(SignomialDense(1, 2))
    one, other = (cook(network, LeastSquares(max_evaluations=10)) for _ in range(2))
    for a, b in zip(values(one.network).values(), values(other.network).values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


def test_when_the_time_is_over():
    cooked = cook(posynomial, LeastSquares(), LBFGS(), restarts=3, seconds=1e-6)
    assert [(row["kind"], row["complete"]) for row in cooked.rows] == [("least_squares", False)]
    whole = cook(posynomial, Start(), restarts=2)
    assert [row["complete"] for row in whole.rows] == [True, True]


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


# Files.


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


SCHEDULE = Schedule(
    (
        Start("max_affine", spread=0.25),
        Adam(steps=7, learning_rate=0.5, batch_size=3, decay="linear", frozen=("*/a", "*/b")),
        LeastSquares(3, 1e-3, "trf", ("*/b",), "log"),
        LBFGS(5, 1e-2),
        AddTerm("layers.0", "tiny", 1e-2, 0.5),
        PruneTerms("layers.0", 1e-4),
        Anneal(("*/c",), (1, 5), "penalty", (0.5, 2.0), 1.25, 4, ("*/b",), "relative"),
    ),
    loss="relative",
    restarts=4,
    target=1e-3,
)


def test_a_schedule_goes_to_json_and_back():
    assert {type(phase) for phase in SCHEDULE.phases} == set(cooking.PHASES.values())
    again = Schedule.from_json(SCHEDULE.to_json())
    assert again == SCHEDULE and hash(again) == hash(SCHEDULE)
    for phase in SCHEDULE.phases:  # nothing in it stood at its default by chance
        for field in dataclasses.fields(phase):
            if (field.name, phase.kind) not in {("loss", "adam"), ("loss", "lbfgs")} | {
                ("frozen", "lbfgs")
            }:
                assert getattr(phase, field.name) != field.default, (phase.kind, field.name)


# Other networks.


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


def test_an_ordinary_network_by_least_squares():
    network = built(wn.nets.MLP(1, (3,)))
    cooked = cook(network, LeastSquares(max_evaluations=30))
    assert train_error(cooked.network) < 0.2 * train_error(network)


# Bad input.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(steps=0), "steps must be an integer >= 1, got 0"),
        (lambda: Adam(learning_rate=-1), "learning_rate must be a finite number > 0, got -1"),
        (lambda: Adam(decay="slow"), "decay must be one of"),
        (lambda: Adam(loss="cube"), "loss must be one of"),
        (lambda: Adam(frozen="*/a"), "frozen must be a tuple of patterns"),
        (lambda: LeastSquares(method="gn"), "method must be one of"),
        (lambda: LeastSquares(tolerance=0), "tolerance must be a number in"),
        (lambda: LBFGS(max_iterations=1.5), "max_iterations must be an integer >= 1, got 1.5"),
        (lambda: Start("best"), "method must be one of"),
        (lambda: AddTerm(how="many"), "how must be one of"),
        (lambda: AddTerm(layer=0), "layer must be an attribute path"),
        (lambda: PruneTerms(share=1), r"share must be a number in \(0, 1\), got 1"),
        (lambda: Anneal(exponents=()), "exponents must hold at least one pattern"),
        (lambda: Anneal(denominators=()), "denominators must hold at least one size"),
        (lambda: Anneal(weights=(2, 1)), "weights must grow"),
        (lambda: Anneal(tolerance=0.5), "tolerance must be a number in"),
        (lambda: Schedule(()), "phases must be a tuple of at least one"),
        (lambda: Schedule((Adam,)), "phases must be a tuple of at least one"),
        (lambda: Schedule((Adam(),), restarts=0), "restarts must be an integer >= 1, got 0"),
        (lambda: Schedule((Adam(),), loss="log10"), "loss must be one of"),
        (lambda: Schedule.from_json("{"), "schedule must be JSON"),
        (lambda: Schedule.from_json("[]"), "schedule must be an object with a list of phases"),
        (lambda: Schedule.from_json('{"phases": [{"kind": "sgd"}]}'), "kind of a phase must be"),
        (
            lambda: Schedule.from_json('{"phases": [{"kind": "adam", "rate": 1}]}'),
            "settings of adam must be among .*, got 'rate'",
        ),
        (
            lambda: Schedule.from_json('{"phases": [{"kind": "adam"}], "seed": 1}'),
            "settings of schedule must be among",
        ),
        (lambda: cooking.split(X, law(X)[:-1]), "inputs and targets must have the same number"),
        (lambda: cooking.split(X, law(X), 0.001), "validation must leave rows in both splits"),
        (lambda: cooking.fit_max_affine(X[:2], X[:2, 0], 2), "rows must be >= 3 for 2 inputs"),
        (lambda: cooking.fit_log_sum_exp(X[:5], X[:5, 0], 2), "rows must be >= 6 parameters"),
        (lambda: cooking.add_term(posynomial(), X), "layer must have been called"),
        (lambda: cooking.prune_terms(snt.Linear(1), X, 0.1), "layer must be a PosynomialDense"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make()


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


def test_no_schedule():
    with pytest.raises(ValueError, match="^schedule must be a Schedule, got "):
        cooking.cook(posynomial, DATA, [Adam()])
