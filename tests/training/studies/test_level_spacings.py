"""Levels of weights: laws at the start, their controls, one trial, tables."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from training.experiments import runner
from training.studies.level_spacings.__main__ import STEPS, STUDY
from training.studies.level_spacings.report import GOE, LAWS, POISSON, report
from training.studies.level_spacings.trial import create, look


@pytest.mark.slow
@pytest.mark.parametrize("step", ["plain", "lipschitz"])
def test_levels_before_training_follow_their_law_and_the_controls_do_not(step):
    rows = []
    for seed in range(8):
        tf.random.set_seed(seed)
        network = create(step, 10, 200)
        network(tf.zeros([1, 28, 28, 1]))
        rows += look(network, 0, seed)
    assert {row["layer"] for row in rows} == ({2} if step == "lipschitz" else {1, 2})
    mean = np.mean([row["gap_ratio"] for row in rows])
    error = np.sqrt(np.sum([row["gap_error"] ** 2 for row in rows])) / len(rows)
    assert abs(mean - LAWS.get(step, GOE)) < 4 * error < 0.045
    independent = np.mean([row["independent"] for row in rows])
    assert abs(independent - POISSON) < 5 * error < mean - independent
    assert sum(row["outliers"] for row in rows) <= 2


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_trials_and_report(tmp_path, few_digits_file):
    axes = {"dataset": [str(few_digits_file)], "step": ["spectral", "lipschitz"]}
    settings = {"epochs": 3, "images": 200, "width": 24}
    tables = runner.run(STUDY, tmp_path, axes=axes, seeds=[0], settings=settings, workers=0)
    spacings = tables["spacings"]
    assert sorted(set(spacings["epoch"])) == [0, 1, 2, 3] and len(tables["runs"]) == 2
    assert len(spacings) == 4 * (2 + 1)
    told = report(tables)
    assert set(told.tables) == {"ratios", "outliers", "verdicts", "accuracy"}
    assert list(told.tables["ratios"].columns[3:]) == ["0", "1", "2", "3"]
    assert set(told.figures) == {"ratios"}


def test_the_verdict_tells_independent_levels_from_random_matrices():
    rows = [
        {"dataset": "d", "step": step, "layer": 1, "epoch": epoch, "seed": seed, "outliers": 2,
         "gap_ratio": law + 0.001 * seed, "gap_error": 0.01, "independent": POISSON}
        for step, law in (("plain", GOE), ("spectral", POISSON), ("lipschitz", LAWS["lipschitz"]))
        for epoch in (0, 1) for seed in (0, 1)
    ]  # fmt: skip
    runs = [{"dataset": "d", "step": step, "seed": 0, "status": "done", "test_accuracy": 0.9}
            for step in STEPS]  # fmt: skip
    tables = report({"spacings": pd.DataFrame(rows), "runs": pd.DataFrame(runs)}).tables
    verdicts = tables["verdicts"].set_index("step")["verdict"]
    assert verdicts.to_dict() == {
        "plain": "not told apart", "spectral": "another", "lipschitz": "not told apart"
    }  # fmt: skip
    # Of two seeds, sqrt(2) 0.01 / 2.
    assert tables["ratios"].set_index("step").loc["plain", "1"] == "0.531 ± 0.007"
    assert "lipschitz" not in set(tables["outliers"]["step"])
