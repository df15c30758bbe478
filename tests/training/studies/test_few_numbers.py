"""What helps small networks: the recipes, and that what chooses sees no test set."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import training
from training.experiments import CHOICE_SEED, Ladder, runner
from training.studies.few_numbers import trial as module
from training.studies.few_numbers.__main__ import HELPS, NETWORKS, STUDY
from training.studies.few_numbers.report import BASELINE, report


@pytest.mark.slow
def test_each_help_adds_one_thing_to_muon():
    digits = dataclasses.replace(training.load("mnist_5k"), name="mnist")
    base = module.recipe({"network": "mlp", "help": BASELINE, "dataset": digits}, 0.01, 6)
    assert (base.optimizer, base.learning_rate, base.epochs) == ("muon", 0.01, 6)
    differing = {}
    for name in HELPS:
        recipe = module.recipe({"network": "mlp", "help": name, "dataset": digits}, 0.01, 6)
        pairs = zip(vars(base).items(), vars(recipe).values(), strict=True)
        differing[name] = {key for (key, one), other in pairs if one != other}
    assert differing.pop(BASELINE) == set()
    for name, fields in differing.items():
        both = {"step", "step_args"}
        assert fields == both if fields & both else len(fields) == 1, name


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_trials_and_report(tmp_path, few_digits_file):
    axes = {
        "dataset": [str(few_digits_file)],
        "network": ["kronecker_mlp"],
        "help": ["muon", "4 bits", "half"],
    }
    study = dataclasses.replace(STUDY, choose=Ladder((1e-2,), rungs=(1e-2,)))
    settings = {"epochs": 6}
    tables = runner.run(study, tmp_path, axes=axes, seeds=[0, 1], settings=settings, workers=0)
    runs, choices = tables["runs"], tables["choices"]
    assert len(runs) == 6 and set(choices["seed"]) == {CHOICE_SEED}
    assert "test_accuracy" not in choices and runs["test_accuracy"].notna().all()
    assert set(runs["numbers"]) == {2938}
    bits = runs.groupby("help")["bits"].first()
    vectors = 10  # biases of the head: those of the hidden layer are a matrix
    left = runs.groupby("help")["nonzero"].max()
    assert left["half"] == 1464 + 10 < 2928 < left["muon"] <= 2938
    assert bits["muon"] == 32 * 2938 and bits["4 bits"] == 4 * (2938 - vectors) + 32 * vectors
    told = report(tables)
    assert set(told.tables) == {"accuracy", "verdicts"} and set(told.figures) == {"helps"}
    assert len(told.tables["accuracy"]) == len(told.tables["verdicts"]) == 3


def test_the_table_tells_what_is_in_the_rows():
    rows = [
        {"dataset": "d", "network": "mlp", "help": name, "seed": seed, "status": "done",
         "numbers": 1234, "nonzero": 1200, "addressed": 1300.0,
         "bits": 4000, "learning_rate": 0.01, "seconds": 2.0,
         "test_accuracy": 0.9 + shift + 0.001 * seed}
        for name, shift in (("muon", 0.0), ("averaged", 0.05))
        for seed in range(5)
    ]  # fmt: skip
    told = report({"runs": pd.DataFrame(rows)}).tables
    line = told["accuracy"].set_index("help").loc["averaged"]
    spread = 100 * np.std([0, 1e-3, 2e-3, 3e-3, 4e-3], ddof=1)
    assert line["test accuracy %"] == f"95.20 ± {spread:.2f}"
    assert (line["numbers"], line["kilobits"], line["seeds"]) == ("1,234", "4.0", 5)
    assert set(NETWORKS) == set(STUDY.axes["network"])
