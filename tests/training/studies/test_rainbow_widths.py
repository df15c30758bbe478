"""Networks of several widths, drawn anew: what a trial scores and aligns, and its tables."""

import itertools

import numpy as np
import pandas as pd
import pytest

from training.analyse import sampled
from training.analyse.alignment import align
from training.engine.run import initial_network
from training.experiments import runner
from training.studies.rainbow_widths import trial as one
from training.studies.rainbow_widths.__main__ import STUDY
from training.studies.rainbow_widths.report import report

SETTINGS = {"epochs": 1, "draws": 1, "images": 300, "partners": 2}


@pytest.fixture(scope="module")
def found(tmp_path_factory, few_digits_file):
    """The tables of two trials, with which seeds networks were drawn, and the trained networks."""
    seeds, score = [], sampled.score_samples
    runs, train = {}, one.train

    def kept(width, dataset, epochs, seed):
        runs[seed] = train(width, dataset, epochs, seed)
        return runs[seed]

    def recorded(network, splits, seed, *arguments):
        seeds.append(seed)
        return score(network, splits, seed, *arguments)

    folder, axes = tmp_path_factory.mktemp("widths"), {"width": [8], "dataset": [few_digits_file]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampled, "score_samples", recorded)
        patch.setattr(one, "train", kept)
        patch.setitem(one.RECIPE, "batch_size", 100)
        tables = runner.run(STUDY, folder, axes=axes, seeds=[0, 1], settings=SETTINGS, workers=0)
    train.cache_clear()
    return tables, seeds, runs


@pytest.mark.slow
def test_samples(found):
    tables, seeds, _ = found
    assert seeds == [0, 1]
    samples = tables["samples"]
    assert len(samples) == 2 * 2 * 4 and set(samples["hidden"]) == set(sampled.KINDS)
    trained = samples[(samples["hidden"] == "trained") & (samples["head"] == "trained")]
    np.testing.assert_allclose(
        trained["test_accuracy"], tables["runs"]["test_accuracy"], atol=0.011
    )
    assert tables["runs"]["parameters"].tolist() == [784 * 8 + 8 + 8 * 8 + 8 + 8 * 10 + 10] * 2


@pytest.mark.slow
def test_alignments_are_of_two_trainings_before_and_after(found, few_digits):
    aligned = found[0]["alignment"]
    assert set(zip(aligned["first"], aligned["seed"], strict=True)) == {(0, 1)}
    # Two states, two hidden layers and two distances for each of three dense ones.
    assert len(aligned) == 2 * (2 + 2 * 3)
    pair = [found[2][seed] for seed in (0, 1)]
    inputs, held_out = (
        sampled.some_images(split, 300) for split in (few_digits.train, few_digits.validation)
    )
    networks = {
        "initial": [initial_network(run.config) for run in pair],
        "trained": [run.network for run in pair],
    }
    left = {}
    for state, both in networks.items():
        rows = aligned[aligned["state"] == state]
        known = pd.DataFrame(align(*both, inputs, held_out))
        assert (
            rows[["layer", "what"]].to_numpy().tolist()
            == known[["layer", "what"]].to_numpy().tolist()
        )
        np.testing.assert_allclose(rows["aligned"], known["aligned"], rtol=1e-4)
        left[state] = known["aligned"]
    assert not np.allclose(left["initial"], left["trained"], rtol=0.01)


@pytest.mark.parametrize(
    ("seed", "partners", "firsts"), [(0, 2, []), (1, 2, [0]), (2, 2, [0, 1]), (5, 3, [2, 3, 4])]
)
def test_partners(monkeypatch, seed, partners, firsts):
    """With the seeds 0, 1, 2, each pair once, the smaller seed first."""

    class Trained:
        def __init__(self, width, dataset, epochs, seed):
            self.seed, self.network, self.parameters = seed, None, 0
            self.history = pd.DataFrame({"validation_accuracy": [0.5], "seconds": [1.0]})

        def evaluate(self, split):
            return 0.5

    monkeypatch.setattr(one, "train", Trained)
    monkeypatch.setattr(sampled, "score_samples", lambda *_: [])
    monkeypatch.setattr(one, "_align", lambda pair, *_: [{"pair": [run.seed for run in pair]}])
    axes = {"width": 8, "dataset": None}
    tables = one.trial(axes, seed, None, **{**SETTINGS, "partners": partners})
    aligned = tables.get("alignment", [])
    assert aligned == [{"first": first, "pair": [first, seed]} for first in firsts]


def _made_up() -> dict[str, pd.DataFrame]:
    """Of two networks a width, two draws each, and one pair."""
    rng = np.random.default_rng(0)
    samples = [
        {"dataset": "digits", "width": width, "seed": seed, "hidden": hidden, "head": head}
        | {"draw": draw, "test_accuracy": rng.uniform()}
        for width, seed, hidden, head in itertools.product(
            (8, 24), (0, 1), sampled.KINDS, sampled.HEADS
        )
        for draw in ([None] if hidden == "trained" else [0, 1])
    ]
    aligned = [
        {"dataset": "digits", "width": width, "seed": 1, "first": 0, "state": state}
        | {"layer": layer, "what": what, "aligned": rng.uniform(), "unaligned": rng.uniform()}
        for width, state, layer, what in itertools.product(
            (8, 24), ("initial", "trained"), (1, 2), ("activations", "covariances, bures")
        )
    ]
    return {"samples": pd.DataFrame(samples), "alignment": pd.DataFrame(aligned)}


@pytest.mark.slow
def test_the_tables():
    """Accuracies: over the networks, each the mean of its draws. Left: of activations alone."""
    results = _made_up()
    found = report(results)
    table = found.tables["accuracy"].set_index(["dataset", "hidden", "head"])
    assert list(table.columns) == ["8", "24"]
    samples = results["samples"]
    for (hidden, head, width), kind in samples.groupby(["hidden", "head", "width"]):
        values = 100 * kind.groupby("seed")["test_accuracy"].mean()
        expected = f"{values.mean():.2f} ± {values.std(ddof=1):.2f}"
        assert table.loc[("digits", hidden, head), str(width)] == expected
    left = found.tables["left"].set_index(["left", "state", "layer"])
    aligned = results["alignment"]
    for row in aligned[aligned["what"] == "activations"].to_dict("records"):
        for how in ("aligned", "unaligned"):
            assert (
                left.loc[(how, row["state"], row["layer"]), str(row["width"])] == f"{row[how]:.3f}"
            )
    assert len(found.tables["left"]) == 2 * 2 * 2
    assert (found.tables["verdicts"].groupby(["width", "head"]).size() == 4).all()


@pytest.mark.slow
def test_the_picture():
    results = _made_up()
    accuracy, left = report(results).figures["widths"].axes
    labels = [line.get_label() for line in accuracy.lines if not line.get_label().startswith("_")]
    assert labels == [f"{h}, head {e}" for h in sampled.KINDS for e in sampled.HEADS]
    assert [line.get_label() for line in left.lines] == [
        f"layer {layer}, {state}" for state in ("initial", "trained") for layer in (1, 2)
    ]
    # One seed alone has no partner.
    assert "left" not in report({"samples": results["samples"]}).tables
