"""Stability as training: attacks that attack, norms that are norms, equal robustness read off."""

import math
import re

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import weirdonetworks as wn
from tests import helpers
from training.engine.recipes import recipe_for
from training.experiments import runner
from training.studies.stability_training import attacks, norms
from training.studies.stability_training import trial as module
from training.studies.stability_training.__main__ import CUT, LADDERS, NETWORKS, STUDY, cells
from training.studies.stability_training.report import (
    at_robustness,
    chosen,
    equal_robustness,
    ratio,
    report,
)


def linear():
    """A linear network of three classes and images around 0.5, whose distances are known."""
    tf.random.set_seed(0)
    network = wn.nets.MLP(3, ())
    images = np.random.default_rng(0).uniform(0.45, 0.55, (40, 4, 4, 1)).astype(np.float32)
    network(images)
    (layer,) = network.layers
    layer.b.assign(-tf.reduce_mean(tf.matmul(images.reshape(40, 16), layer.w), axis=0))
    f, w = network(images).numpy(), layer.w.numpy()
    labels = f.argmax(axis=1)
    gaps = f[np.arange(40), labels][:, None] - f
    lengths = np.linalg.norm(w.T[labels][:, None] - w.T, axis=2)
    distances = np.where(lengths > 0, gaps / np.maximum(lengths, 1e-9), np.inf).min(axis=1)
    return network, tf.constant(images), labels.astype(np.int32), distances


def test_every_cell_is_a_recipe():
    every = cells(STUDY.axes)
    assert len(every) == len({tuple(cell.values()) for cell in every})
    assert {cell["network"] for cell in every} == set(NETWORKS)
    for cell in every:
        fields = module.recipe(cell["network"], cell["step"], cell["strength"], 2)
        recipe_for(cell["network"], "mnist", **fields).create_step()
    assert set(LADDERS) - {cell["step"] for cell in every if cell["network"] == "mlp"} == {
        "lipschitz"
    }
    for ladders in CUT.values():
        assert all(set(own) <= set(LADDERS[step]) for step, own in ladders.items())


def test_margins_are_those_of_the_label():
    logits = tf.constant([[1.0, 4.0, 2.0], [-1.0, -4.0, -2.0]])
    np.testing.assert_allclose(attacks.margins(logits, tf.constant([1, 1])), [2.0, -3.0])


@pytest.mark.slow
def test_descent_on_the_margin_takes_what_is_within_reach_and_nothing_else():
    """Of a linear network the distance to the next class is known."""
    network, images, labels, distances = linear()
    radii = np.quantile(distances, [0.3, 0.7])
    alive = attacks.survivors(network, images, labels, radii, restarts=2)
    assert not np.any(alive & (distances[:, None] < 0.98 * radii))
    assert np.all(alive[distances[:, None] > 1.001 * radii])
    wrong = (labels + 1) % 3
    assert not attacks.survivors(network, images, wrong, radii, restarts=1).any()


@pytest.mark.slow
def test_the_attack_of_the_library_reaches_the_gradients_of_the_network():
    network, images, labels, distances = linear()
    radius = float(np.quantile(distances, 0.5))
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    alive = attacks.library_survivors(network, images, labels, radius)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    assert not tf.config.functions_run_eagerly()
    assert np.all(alive[distances > 1.001 * radius])
    assert not np.any(alive[distances < 0.85 * radius])


def test_without_the_library_there_is_an_error_that_says_so(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "art.attacks.evasion", None)
    network, images, labels, _ = linear()
    with pytest.raises(ImportError, match=r"adversarial-robustness-toolbox .* '\.\[studies\]'"):
        attacks.library_survivors(network, images, labels, 1.0)


@pytest.mark.slow
def test_slopes_of_a_linear_network_are_its_matrix():
    network, images, _, distances = linear()
    found = norms.slopes(network, images)
    values = np.linalg.svd(network.layers[0].w.numpy().T, compute_uv=False)
    np.testing.assert_allclose(found.values, np.tile(values, (40, 1)), rtol=1e-5)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-3)
    assert norms.bound(network) == pytest.approx(values[0], rel=1e-5)
    polynomial = wn.nets.QuadraticMLP(3, rank=2, hidden_sizes=(2,))
    polynomial(images)
    assert math.isnan(norms.bound(polynomial))


def test_matrices_of_orthogonal_layers_are_those_that_they_apply():
    network = wn.nets.LipschitzMLP(3, (4,))
    network(tf.zeros([1, 4, 4, 1]))
    for layer in network.layers:
        layer.w.assign(3 * layer.w)
    helpers.randomise_zeros(network)
    found = norms.matrices(network)
    assert len(found) == 2
    for matrix in found.values():
        np.testing.assert_allclose(np.linalg.svd(matrix, compute_uv=False), 1.0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_trials_and_report(tmp_path, few_digits_file):
    axes = {
        "dataset": [str(few_digits_file)],
        "network": ["mlp", "lipschitz_mlp", "comodulation_mlp"],
        "step": ["plain", "layer_norms", "lipschitz"],
        "strength": [0.0, 0.03, 1.58],
    }
    settings = {"epochs": 1, "images": 40}
    tables = runner.run(STUDY, tmp_path, axes=axes, seeds=[0], settings=settings, workers=0)
    runs = tables["runs"]
    assert len(runs) == 2 + 1 + 2 and (runs["status"] == "done").all()
    bounded = runs["network"] != "comodulation_mlp"
    assert (runs["lipschitz"].notna() == bounded).all()
    proven = runs[bounded]
    assert (proven["refuted"] == 0).all()
    assert (proven["proven_1"] <= proven["robust"]).all()
    assert (runs["robust"] <= runs[["pgd_1", "library"]].min(axis=1)).all()
    assert (runs["pgd_1.58"] <= runs["pgd_0.5"]).all()
    lipschitz = runs[runs["network"] == "lipschitz_mlp"]
    np.testing.assert_allclose(lipschitz["lipschitz"], 1, rtol=1e-5)
    told = report(tables)
    names = {"answers", "steps", "chosen", "equal", "layers", "spectra", "published"}
    assert set(told.tables) == names
    assert set(told.figures) == {"norms", "spectra"}
    assert told.tables["published"]["network"].iloc[-1].endswith(", here")


def _ladder(robust, values):
    frame = pd.DataFrame({"strength": range(len(robust)), "validation_robust": robust, "q": values})
    return frame.sample(frac=1, random_state=0)


def test_equal_robustness_is_read_off_between_the_strengths():
    ladder = _ladder([0.2, 0.6, 0.5, 0.8], [100.0, 1.0, 7.0, 0.1])
    assert at_robustness(ladder, "q", 0.4) == pytest.approx(10.0)
    assert at_robustness(ladder, "q", 0.6) == pytest.approx(1.0)
    assert at_robustness(ladder, "q", 0.1) == pytest.approx(100.0)
    assert math.isnan(at_robustness(ladder, "q", 0.9))


def test_equal_robustness_is_a_ratio_to_adversarial_training():
    keys = {"dataset": "d", "network": "mlp", "status": "done", "margin": 1.0, "distance": 1.0}
    rows = [
        keys | {"step": step, "strength": strength, "seed": seed, "validation_robust": robust}
        | {"lipschitz": bound, "jacobian_norm": bound, "bound / margin": bound}
        | {"Jacobian / margin": bound}
        for seed in (0, 1)
        for step, strength, robust, bound in (
            ("plain", 0.0, 0.2, 16.0),
            ("adversarial", 1.0, 0.8, 4.0),
            ("layer_norms", 1.0, 0.5 + 0.1 * seed, 1.0),
        )
    ]  # fmt: skip
    done = pd.DataFrame(rows)
    layers = done.assign(layer="w", norm=done["lipschitz"])
    found = equal_robustness(done, layers).set_index("of")
    assert found.loc["bound", "robust"] == "50.0"
    assert found.loc["bound", "plain"] == "16.00"
    assert found.loc["bound", "adversarial"] == "8.00 ± 0.00"  # half way from 16 to 4
    assert found.loc["w", "layer_norms"].startswith("0.18 [")  # of 1 and 16^(1/4), over 8
    assert found.loc["margin", "layer_norms"] == "1.00 [1.00, 1.00]"


def test_a_ratio_has_students_interval():
    assert ratio([2.0, 2.0, 2.0], [1.0, 1.0, 1.0]) == "2.00 [2.00, 2.00]"
    assert ratio([2.0], [1.0]) == "2.00"
    told = ratio([1.0, math.e**2], [1.0, 1.0])  # logs 0 and 2: mean 1, error 1
    assert told.startswith("2.72 [") and float(told.split(", ")[1][:-1]) > 1e5


def test_the_strength_is_chosen_without_the_test_split():
    keys = {"dataset": "d", "network": "mlp", "seed": 0}
    rows = [
        ("plain", 0.0, 0.980, 0.30, 0.9),
        ("adversarial", 0.5, 0.979, 0.60, 0.9),
        ("adversarial", 1.0, 0.971, 0.80, 0.1),
        ("adversarial", 2.0, 0.960, 0.90, 0.9),
        ("layer_norms", 9.0, 0.900, 0.99, 0.9),
    ]
    names = ["step", "strength", "validation_accuracy", "validation_robust", "test_accuracy"]
    found = chosen(pd.DataFrame([keys | dict(zip(names, row, strict=True)) for row in rows]))
    assert found[["step", "strength"]].to_numpy().tolist() == [["plain", 0.0], ["adversarial", 1.0]]


def test_what_the_sentences_quote_is_in_the_tables():
    text = (STUDY.folder / "report.md").read_text(encoding="utf-8")
    prose, tables = text.split("<!-- table", 1)
    quoted = re.findall(r"\d\.\d\d \[\d\.\d\d,\s+\d\.\d\d\]|\d+\.\d ± \d\.\d", prose)
    assert len(quoted) == 12
    assert all(f" {' '.join(one.split())} " in tables for one in quoted)
