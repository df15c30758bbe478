"""Features of a kernel: each map is near the kernel, tiny trials, and the report."""

import dataclasses

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from training.experiments import runner
from training.studies.kernel_features import trial as module
from training.studies.kernel_features.__main__ import STUDY
from training.studies.kernel_features.report import report

POINTS = np.random.default_rng(0).uniform(size=(120, 6))


@pytest.mark.slow
@pytest.mark.parametrize("method", STUDY.axes["method"])
def test_every_map_is_of_this_kernel(method):
    kernel = module.gaussian_kernel(POINTS, 0.5)
    exact = np.exp(-0.5 * np.sum((POINTS[:, None] - POINTS) ** 2, axis=-1))
    np.testing.assert_allclose(kernel, exact, rtol=1e-12)
    found = module.maps(method, POINTS, 0.5, 4000, seed=0)
    assert list(found) == (list(module.RIDGES) if method == "leverage" else [None])
    for features in found.values():
        z = features(POINTS)
        assert z.shape[1] == (120 if method == "Nystroem" else 4000)
        assert np.abs(z @ z.T - kernel).max() < 0.1
        other = np.exp(-1.0 * np.sum((POINTS[:, None] - POINTS) ** 2, axis=-1))
        assert np.abs(z @ z.T - other).max() > 0.15


def test_leverage_chooses_other_frequencies_for_other_ridges():
    found = module.maps("leverage", POINTS, 0.5, 20, seed=0)
    weights = [features.keywords["frequencies"].weights for features in found.values()]
    assert all(len(one) == 10 for one in weights)
    assert not np.array_equal(weights[0], weights[-1])


def test_leverage_is_all_but_uniform_where_the_pool_is_smaller_than_the_images():
    """The limit that the report states: not so for a large ridge, or for a larger pool."""
    spreads = {}
    for features in (16, 400):  # pools of 64 and 1600 columns, by 120 images
        found = module.maps("leverage", 3 * POINTS, 0.5, features, seed=0)
        for ridge, features_of in found.items():
            weights = features_of.keywords["frequencies"].weights
            spreads[features, ridge] = np.std(weights) / np.mean(weights)
    assert spreads[16, 1e-6] < 1e-3 < 1e-2 < min(spreads[16, 1.0], spreads[400, 1e-6]), spreads


@pytest.mark.slow
def test_validation_chooses_and_the_test_set_is_scored_once(few_digits, monkeypatch):
    monkeypatch.setattr(module, "GAMMAS", (0.003, 0.01, 0.03, 0.1, 0.3))
    accuracy, scored = module._accuracy, []

    def spy(scores, split):
        scored.append(split)
        return accuracy(scores, split)

    monkeypatch.setattr(module, "_accuracy", spy)
    other = few_digits.test.labels[np.random.default_rng(0).permutation(len(few_digits.test))]
    test = dataclasses.replace(few_digits.test, labels=other)
    permuted = dataclasses.replace(few_digits, test=test)
    for method in ("normal", "leverage"):
        rows = []
        for dataset in (few_digits, permuted):
            scored.clear()
            rows.append(
                module.trial({"dataset": dataset, "features": 32, "method": method}, 0, None)
            )
            assert all(split is dataset.validation for split in scored[:-1])
            assert len(scored) == 1 + 5 * 4 and scored[-1] is dataset.test
        accuracies = [row.pop("test_accuracy") for row in rows]
        assert rows[0] == rows[1] and accuracies[0] > accuracies[1] + 0.1


@pytest.mark.slow
def test_many_features_are_the_exact_kernel(few_digits, monkeypatch):
    """With one width and ridge: the accuracy is that of scikit-learn's kernel ridge regression."""
    monkeypatch.setattr(module, "GAMMAS", (0.01,))
    monkeypatch.setattr(module, "RIDGES", (0.1,))
    row = module.trial({"dataset": few_digits, "features": 4000, "method": "normal"}, 0, None)
    x, test = (s.images.reshape(len(s), -1) / 255 for s in (few_digits.train, few_digits.test))
    exact = KernelRidge(alpha=0.1, kernel="rbf", gamma=0.01)
    scores = exact.fit(x, np.eye(10)[few_digits.train.labels]).predict(test)
    accuracy = np.mean(scores.argmax(axis=1) == few_digits.test.labels)
    assert row["test_accuracy"] == pytest.approx(accuracy, abs=0.03) and accuracy > 0.8
    assert row["gamma"] == 0.01 and row["ridge"] == 0.1 and row["kernel_error"] < 0.1


@pytest.mark.slow
def test_trials_and_report(tmp_path, few_digits_file, monkeypatch):
    monkeypatch.setattr(module, "GAMMAS", (0.01, 0.02))
    monkeypatch.setattr(module, "RIDGES", (0.01, 1.0))  # as the one that is compared
    axes = {**STUDY.axes, "dataset": [few_digits_file], "features": [16, 64]}
    tables = runner.run(STUDY, tmp_path, axes=axes, seeds=[0, 1], workers=0)
    runs = tables["runs"]
    assert len(runs) == 2 * 5 * 2 and set(runs["gamma"]) <= {0.01, 0.02}
    means = runs.groupby("features")[["test_accuracy", "kernel_error"]].mean()
    assert means["test_accuracy"][64] > means["test_accuracy"][16] > 0.2
    assert means["kernel_error"][64] < means["kernel_error"][16]
    told = report(tables)
    assert set(told.tables) == {"accuracy", "verdicts"} and set(told.figures) == {"features"}
    assert len(told.tables["accuracy"]) == 10
