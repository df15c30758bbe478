"""The table of the zoo: that its runs are those of the training command, and what it tells."""

import numpy as np
import pandas as pd
import pytest

from training.engine import fit, recipe_for
from training.engine.scoring import ANGLES
from training.experiments import runner
from training.studies.zoo import __main__ as zoo
from training.studies.zoo import trial as module
from training.studies.zoo.report import report
from weirdonetworks import list_networks


def test_all_networks_may_be_asked_for():
    assert {*zoo.STUDY.axes["network"], *zoo.OPTIONS} == set(list_networks())
    assert not {*zoo.STUDY.axes["network"]} & {*zoo.OPTIONS}


@pytest.mark.slow
def test_a_trial_is_a_run_of_the_network_with_its_recipe(tmp_path, few_digits_file, monkeypatch):
    runs = []
    monkeypatch.setattr(module, "fit", lambda *a, **k: runs.append(fit(*a, **k)) or runs[0])
    axes = {"dataset": [few_digits_file], "network": ["mlp"]}
    found = runner.run(zoo.STUDY, tmp_path, axes=axes, seeds=[3], settings={"epochs": 1}, workers=0)
    (run,), (row,) = runs, found["runs"].to_dict("records")
    recipe = recipe_for("mlp", "few", epochs=1)
    assert run.config["network_args"].items() >= recipe.network_args.items()
    assert found["angles"]["degrees"].tolist() == list(ANGLES)
    turned = found["angles"]["accuracy"]
    assert row.pop("seconds") == run.history["seconds"].sum() > 0
    assert row == {
        **{axis: values[0] for axis, values in axes.items()},
        "seed": 3,
        "status": "done",
        "test_accuracy": run.evaluate("test"),
        "validation_accuracy": run.evaluate("validation"),
        "rotated_accuracy": pytest.approx(turned.mean()),
        "worst_rotated_accuracy": turned.min(),
        "parameters": 784 * 100 + 100 + 100 * 100 + 100 + 1010,
        "epochs": 1,
        "optimizer": recipe.optimizer,
        "learning_rate": recipe.learning_rate,
    }


@pytest.mark.parametrize("epochs", [0, 7])
def test_epochs_are_those_of_the_recipe_if_not_given(monkeypatch, epochs):
    asked = []

    def record(*arguments, **settings):
        asked.append((arguments, settings))
        raise FloatingPointError

    monkeypatch.setattr(module, "fit", record)
    with pytest.raises(FloatingPointError):
        module.trial({"dataset": "digits", "network": "mlp"}, 5, None, epochs=epochs)
    (((network, dataset), settings),) = asked
    assert (network, dataset, settings["seed"]) == ("mlp", "digits", 5)
    assert settings.get("epochs") == (epochs or None)


def _rows(dataset, network, *accuracies):
    row = {"dataset": dataset, "network": network, "status": "done", "rotated_accuracy": 0.5}
    row |= {"parameters": 1234, "seconds": 0.6}
    return [{**row, "seed": seed, "test_accuracy": a} for seed, a in enumerate(accuracies)]


def test_a_table_for_each_data_set():
    rows = _rows("mnist", "mlp", 0.91, 0.92, 0.96) + _rows("mnist_rot", "gelu", 0.25)
    rows.append({**rows[0], "seed": 3, "status": "diverged", "test_accuracy": np.nan})
    tables = report({"runs": pd.DataFrame(rows)}).tables
    shown = {name: table.to_dict("records") for name, table in tables.items()}
    row = {"network": "mlp", "parameters": "1,234", "seeds": "0, 1, 2"}
    row |= {"test accuracy %": "93.00 ± 2.65", "turned %": "50.00 ± 0.00", "seconds": "1"}
    other = {**row, "network": "gelu", "seeds": "0"}
    other |= {"test accuracy %": "25.00", "turned %": "50.00"}
    assert shown == {
        "mnist": [row],
        "mnist_rot": [{**other, "test error %": "75.00"}],
    }


def test_the_picture():
    """A line of means for each network, a band from the worst seed to the best."""
    accuracies = {("mlp", 0): (0.8, 0.2), ("mlp", 1): (0.9, 0.4), ("other", 0): (0.5, 0.5)}
    rows = [
        {"dataset": "mnist", "network": network, "seed": seed, "degrees": d, "accuracy": a}
        for (network, seed), values in accuracies.items()
        for d, a in zip((5, 20), values, strict=True)
    ]
    (axis,) = report({"angles": pd.DataFrame(rows)}).figures["rotations"].axes
    lines = {line.get_label(): line.get_xydata() for line in axis.lines}
    np.testing.assert_allclose(lines["mlp"], [[5, 85], [20, 30]])
    np.testing.assert_allclose(lines["other"], [[5, 50], [20, 50]])
    band = axis.collections[0].get_paths()[0].get_extents()
    np.testing.assert_allclose([band.ymin, band.ymax], [20, 90])
