"""The comparison of steps: which are compared, that a trial is what its run says, its tables."""

import numpy as np
import pandas as pd
import pytest

from training.cli.choices import STEPS
from training.engine.recipes import Recipe
from training.engine.scoring import ANGLES
from training.experiments import runner
from training.studies.invariance_steps import trial as one
from training.studies.invariance_steps.__main__ import STUDY
from training.studies.invariance_steps.report import report


def test_every_variant_is_a_recipe():
    for fields in one.VARIANTS.values():
        Recipe(**fields)
    others = {"distill", "adversarial", "virtual_adversarial", "spectral", "lipschitz"}
    assert others < set(STEPS)
    steps = [step for step in STEPS if step not in others]  # which ask for no invariance
    assert list(STUDY.axes["variant"]) == steps
    assert [*STUDY.axes["variant"], *STUDY.options["variant"]] == list(one.VARIANTS)


@pytest.mark.slow
def test_a_trial(tmp_path, few_digits_file, monkeypatch):
    runs = []

    def fit(*arguments, **settings):
        arguments_of_the_network = {"hidden_sizes": (8,)}
        runs.append(kept(*arguments, **settings, network_args=arguments_of_the_network))
        return runs[-1]

    kept = one.fit
    monkeypatch.setattr(one, "fit", fit)
    axes = {"network": ["mlp"], "variant": ["augment"], "dataset": [few_digits_file]}
    found = runner.run(STUDY, tmp_path, axes=axes, seeds=[3], settings={"epochs": 1}, workers=0)
    (run,) = runs
    assert (run.config["step"], run.config["epochs"], run.config["seed"]) == ("augment", 1, 3)
    (row,) = found["runs"].to_dict("records")
    assert (row["variant"], row["seed"], row["status"]) == ("augment", 3, "done")
    assert row["test_accuracy"] == run.evaluate("test")
    assert row["validation_accuracy"] == run.evaluate("validation")
    turned = found["angles"]
    assert turned["degrees"].tolist() == list(ANGLES) and (turned["variant"] == "augment").all()
    assert row["rotated_accuracy"] == pytest.approx(turned["accuracy"].mean())
    assert row["worst_rotated_accuracy"] == turned["accuracy"].min()
    moved = one.measure_run(run, images=100)
    for key in ("variance", "difference"):
        assert row[key] == pytest.approx(np.mean(getattr(moved, key).values))


@pytest.mark.parametrize(
    ("network", "epochs", "trained"), [("mlp", 0, 5), ("synchronous_mlp", 0, 2), ("mlp", 7, 7)]
)
def test_epochs_of_each_network(monkeypatch, network, epochs, trained):
    class Asked(Exception):
        pass

    def fit(*_, epochs, **__):
        raise Asked(epochs)

    monkeypatch.setattr(one, "fit", fit)
    with pytest.raises(Asked, match=str(trained)):
        one.trial({"network": network, "variant": "plain", "dataset": None}, 0, None, epochs=epochs)


def test_mean_and_spread_of_each_variant():
    keys = {"network": "mlp", "dataset": "digits", "status": "done"}
    rng = np.random.default_rng(0)
    measured = ("test_accuracy", "rotated_accuracy", "worst_rotated_accuracy", "variance")
    runs = pd.DataFrame(
        {**keys, "variant": variant, "seed": seed, "seconds": 1.5 + seed, "difference": 2.0}
        | dict(zip(measured, rng.uniform(0.2, 0.9, 4), strict=True))
        for variant in ("plain", "dream")
        for seed in (0, 1)
    )
    lost = {**keys, "variant": "dream", "seed": 2, "status": "diverged"}
    runs = pd.concat([runs, pd.DataFrame([lost])], ignore_index=True)
    angles = pd.DataFrame(
        {"dataset": "digits", "network": "mlp", "variant": variant, "seed": seed}
        | {"degrees": degrees, "accuracy": (degrees + 10 * seed) / 100}
        for variant in ("plain", "dream")
        for seed in (0, 2)
        for degrees in (5, 20)
    )
    found = report({"runs": runs, "angles": angles})
    for line in found.tables["steps"].to_dict("records"):
        own = runs[(runs["variant"] == line["variant"]) & (runs["status"] == "done")]
        for title, column, scale, digits in (
            ("upright %", "test_accuracy", 100, 2),
            ("turned %", "rotated_accuracy", 100, 2),
            ("worst %", "worst_rotated_accuracy", 100, 2),
            ("variance", "variance", 1, 4),
            ("difference", "difference", 1, 3),
        ):
            mean, spread = scale * own[column].mean(), scale * own[column].std(ddof=1)
            assert line[title] == f"{mean:.{digits}f} ± {spread:.{digits}f}"
        assert line["seconds"] == "2"
        assert line["diverged"] == (1 if line["variant"] == "dream" else "")
    compared = found.tables["verdicts"]
    assert compared["of"].tolist() == ["upright %"] * 2 + ["turned %"] * 2
    assert compared["verdict"].tolist()[::2] == ["baseline"] * 2
    (axis,) = found.figures["rotations"].axes
    assert [line.get_label() for line in axis.lines] == ["plain", "dream"]
    np.testing.assert_allclose(axis.lines[0].get_xydata(), [[5, 15], [20, 30]])
