"""Five networks combined: the rules, their weights, the groups, a trial and the table."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax

import weirdonetworks as wn
from training.data import Dataset, Split
from training.experiments import runner
from training.studies.experts import trial as experts
from training.studies.experts.__main__ import STUDY
from training.studies.experts.report import report
from training.studies.experts.rules import (
    best,
    learned_weights,
    mean,
    mixture_weights,
    rules,
    vote,
)


def task(seed: int = 0, count: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """Logits of three experts, of which the second is the best, and the third noise; labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(4, size=count)
    logits = rng.normal(size=[count, 3, 4])
    logits[:, :2] += np.array([1.0, 2.0])[:, None] * np.eye(4)[labels][:, None]
    return logits, labels


def nll(log_p: np.ndarray, labels: np.ndarray) -> float:
    return -np.mean(log_p[np.arange(len(labels)), labels])


def test_a_vote_counts_and_breaks_ties():
    shares = [[[0.6, 0.4, 0], [0.1, 0.9, 0]], [[0.8, 0.1, 0.1], [0.7, 0.2, 0.1]]]
    logits = np.log(np.array(shares) + 1e-12)
    shares = np.exp(vote(logits))
    np.testing.assert_allclose(shares, [[0.5, 0.5, 0], [1, 0, 0]], atol=1e-5)
    assert shares.argmax(axis=1).tolist() == [1, 0]  # 0.4 + 0.9 > 0.6 + 0.1


def test_the_mean_is_that_of_probabilities():
    logits, _ = task()
    expected = np.exp(log_softmax(logits, axis=2)).mean(axis=1)
    np.testing.assert_allclose(np.exp(mean(logits)), expected, rtol=1e-10)


@pytest.mark.slow
def test_learned_weights_are_the_best():
    """On what they were learned from, no other weights near them are better."""
    logits, labels = task()
    weights, rng = learned_weights(logits, labels), np.random.default_rng(1)

    def loss(w):
        return nll(log_softmax(np.einsum("nec,e->nc", logits, w), axis=1), labels)

    found = loss(weights)
    assert all(loss(weights + 0.1 * rng.normal(size=3)) > found for _ in range(50))
    assert loss(np.full(3, 1 / 3)) > found + 0.1
    # These logits are log likelihood ratios: weights are the sizes by which they know the label.
    np.testing.assert_allclose(weights, [1, 2, 0], atol=0.12)


@pytest.mark.slow
def test_weights_of_a_mixture_are_the_best():
    logits, labels = task()
    weights, rng = mixture_weights(logits, labels), np.random.default_rng(1)
    found = nll(mean(logits, weights), labels)
    assert weights.sum() == pytest.approx(1) and weights.min() >= 0
    for other in rng.dirichlet(np.ones(3), size=50):
        assert nll(mean(logits, 0.9 * weights + 0.1 * other), labels) > found


@pytest.mark.slow
def test_rules_on_other_data():
    logits, labels = task()
    found = rules(logits, labels)
    other, truth = task(seed=1)
    losses = {name: nll(rule(other), truth) for name, (rule, _) in found.items()}
    for name, (rule, _) in found.items():
        np.testing.assert_allclose(np.exp(rule(other)).sum(axis=1), 1, rtol=1e-6, err_msg=name)
    assert best(logits, labels) == 1
    alone = [nll(log_softmax(other[:, i], axis=1), truth) for i in range(3)]
    assert losses["best expert"] == pytest.approx(alone[1])
    # What Heskes' identity promises, and of all weights 1 it does not.
    assert losses["product, mean of logits"] < np.mean(alone)
    assert min(losses, key=losses.get) == "product, learned weights"
    for name in ("best expert", "mean of probabilities", "product, mean of logits"):
        assert losses[f"{name}, tempered"] < losses[name]


@pytest.mark.slow
def test_groups():
    groups = [experts.group("mnist", seed, 5) for seed in range(50)]
    assert all(len(set(names)) == 5 for names in groups)
    assert groups[3] == experts.group("mnist", 3, 5) == experts.group("mnist_5k", 3, 5)
    both = set(wn.list_networks(pretrained="mnist"))
    both &= set(wn.list_networks(pretrained="fashion_mnist"))
    assert set().union(*groups) == both - set(experts.TWINS)
    with pytest.raises(ValueError, match=r"^experts must be an integer <= \d+, got 50$"):
        experts.group("mnist", 0, 50)


@pytest.mark.slow
def test_a_trial(tmp_path, monkeypatch):
    names = ["mlp", "dct_mlp", "posynomial_mlp"]  # quick ones
    monkeypatch.setattr(experts, "group", lambda *_: names)
    found = runner.run(STUDY, tmp_path, seeds=[0], settings={"experts": 3}, workers=0)["runs"]
    rows = found.set_index("rule")
    assert rows.index[0] == "mean expert" and len(rows) == 12
    assert set(found["experts"]) == {" ".join(names)}
    assert (rows["test_accuracy"] > 0.95).all()
    assert rows.loc["product, mean of logits", "nll"] < rows.loc["mean expert", "nll"]
    weights = [float(w) for w in rows.loc["product, learned weights", "weights"].split()]
    assert len(weights) == 3 and min(weights) > 0
    assert list(report({"runs": found}).tables) == ["mnist_5k", "learned"]


@pytest.mark.slow
def test_what_is_learned_is_of_the_validation_split(monkeypatch):
    """With another test split, scores change, and neither the choice nor a weight."""
    names, seen = ["a", "b", "c"], []

    def dataset(seed: int, count: int) -> tuple[Dataset, dict[str, np.ndarray]]:
        own = {"train": task(5, 20), "validation": task(0), "test": task(seed, count)}
        splits = {
            name: Split(np.zeros([len(labels), 1, 1, 1], np.uint8), labels.astype(np.int32))
            for name, (_, labels) in own.items()
        }
        return Dataset("made", 4, **splits), {name: logits for name, (logits, _) in own.items()}

    def logits(_, name: str, split: str) -> np.ndarray:
        seen.append(split)
        return known[split][:, names.index(name)]

    monkeypatch.setattr(experts, "group", lambda *_: names)
    monkeypatch.setattr(experts, "_logits", logits)
    tables = []
    for seed in (1, 2):
        made, known = dataset(seed, 3000)
        found = experts.trial({"dataset": made}, 0, None, experts=3)["runs"]
        tables.append(pd.DataFrame(found).set_index("rule"))
    first, second = tables
    assert list(first["weights"]) == list(second["weights"])
    assert np.all(first["test_accuracy"] != second["test_accuracy"])
    told = first["weights"].to_dict()
    for rule, (_, weights) in rules(*task()).items():
        assert told[rule] == " ".join(f"{w:.4f}" for w in weights), rule
    # Others learn other weights, so that these could have changed.
    other = rules(*task(1))["product, learned weights"][1]
    assert told["product, learned weights"] != " ".join(f"{w:.4f}" for w in other)
    assert set(seen) == {"validation", "test"}


def test_scores():
    log_p = np.log([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1], [0.2, 0.8]])
    found = experts.scores(log_p, np.array([0, 0, 0, 1]))
    assert found["test_accuracy"] == 0.75
    assert found["nll"] == pytest.approx(-np.log([0.7, 0.4, 0.9, 0.8]).mean())
    assert found["calibration_error"] == pytest.approx((0.3 + 0.6 + 0.1 + 0.2) / 4)


def test_the_table():
    row = {"dataset": "mnist", "nll": 0.1, "calibration_error": 0.01, "weights": "0.5 0.25"}
    runs = [
        {**row, "rule": rule, "seed": seed, "test_accuracy": 0.9 + gain + seed / 1000}
        for rule, gain in (
            ("mean of probabilities", 0),
            ("vote", -0.02),
            ("mean, learned weights", 0.01),
            ("product, learned weights", 0.02),
        )
        for seed in range(3)
    ]
    runs[9] |= {"test_accuracy": 0.93, "nll": 0.13}
    runs[3] |= {"nll": np.inf}
    tables = report({"runs": pd.DataFrame(runs)}).tables
    table, (learned,) = tables["mnist"].set_index("rule"), tables["learned"].to_dict("records")
    assert table.loc["vote", "against the mean of probabilities"].startswith("-2.00")
    assert table.loc["vote", "negative log likelihood"] == "infinite"
    assert table.loc["mean of probabilities", "test accuracy %"] == "90.10 ± 0.10"
    assert table.loc["vote", "sum of weights"] == "0.75 ± 0.00"
    # +2, +1 and +1 % in the three groups, resampled.
    assert learned["test accuracy %"] == "+1.333 (+1.000 to +2.000)"
    assert learned["negative log likelihood"] == "+0.0100 (+0.0000 to +0.0300)"
    assert learned["calibration error %"] == "+0.00"
