"""What a quadratic network is trained on, and how much of it is invariant: table and picture."""

import numpy as np
import pandas as pd
import pytest

from training.engine import energy, fit
from training.experiments import runner
from training.studies.invariant_energy import trial as module
from training.studies.invariant_energy.__main__ import STUDY
from training.studies.invariant_energy.report import report


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_a_trial(tmp_path, few_digits_file, monkeypatch):
    runs = []
    monkeypatch.setattr(module, "fit", lambda *a, **k: runs.append(fit(*a, **k)) or runs[0])
    axes = {"dataset": [few_digits_file], "training": ["turned"]}
    found = runner.run(
        STUDY, tmp_path, axes=axes, seeds=[3], settings={"rank": 4, "epochs": 1}, workers=0
    )
    (run,), (row,) = runs, found["runs"].to_dict("records")
    assert (run.config["step"], run.config["step_args"]["degrees"]) == ("augment", 180)
    assert run.config["network_args"]["rank"] == 4 and run.config["seed"] == 3
    assert run.config["network_args"]["dropout"] == 0.5  # of the network's own recipe
    assert row["test_accuracy"] == run.evaluate("test") and row["status"] == "done"
    expected = energy.shares(run)
    assert set(expected) == {"cyclic2", "cyclic4", "dihedral4"}
    for line in found["shares"].to_dict("records"):
        assert line.items() >= expected[line["group"]].items()


def test_upright_digits_are_those_of_the_plain_step():
    assert list(module.STEPS) == STUDY.axes["training"]
    assert module.STEPS == {"upright": "plain", "turned": "augment"}


def _shares():
    row = {"dataset": "digits", "dimension": 0.25}
    return pd.DataFrame(
        [
            {**row, "training": training, "group": group, "seed": seed, "initial": 0.2 + seed / 10}
            | {"trained": trained + seed / 10}
            for training, trained in (("upright", 0.3), ("turned", 0.6))
            for group in ("cyclic2", "cyclic4")
            for seed in (0, 1)
        ]
    )


def test_the_table_and_the_picture():
    found = report({"shares": _shares()})
    line = {"dataset": "digits", "dimension": "25.00", "at the start": "25.00 ± 7.07"}
    line |= {"trained upright": "35.00 ± 7.07", "trained turned": "65.00 ± 7.07"}
    assert found.tables["shares"].to_dict("records") == [
        {**line, "group": group} for group in ("cyclic2", "cyclic4")
    ]
    (axis,) = found.figures["shares"].axes
    heights = [[bar.get_height() for bar in bars] for bars in axis.containers]
    np.testing.assert_allclose(heights, [[0.25] * 2, [0.25] * 2, [0.35] * 2, [0.65] * 2])


def test_what_is_transcribed_is_shown_as_it_stands():
    table = pd.DataFrame({"group": ["cyclic2"], "trained turned": [62.59]})
    assert report({"transcribed": table}).tables["shares"] is table
    found = report({"transcribed": table, "shares": _shares()})
    assert len(found.tables["shares"]) == pytest.approx(2)
