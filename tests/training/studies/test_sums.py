"""Sums beside the truth: a trial, and what the tables say of rows that are made up."""

import numpy as np
import pandas as pd
import pytest

from training.experiments import runner
from training.studies.sums import trial as one
from training.studies.sums.__main__ import STUDY
from training.studies.sums.report import report


def test_all_laws_without_noise_and_those_that_are_told_too_with_it():
    cells = STUDY.all_cells(STUDY.axes)
    assert len(cells) == 2 * 4 * 2 * 3
    assert not [cell for cell in cells if cell["laws"] == "told" and not cell["noise"]]


@pytest.mark.slow
def test_a_trial(tmp_path):
    axes = {"kind": ["posynomial"], "terms": [2], "variables": [3], "noise": [0, 0.01]}
    axes |= {"laws": ["any", "told"]}
    found = runner.run(STUDY, tmp_path, axes=axes, seeds=[0], workers=0)["runs"]
    assert list(found["laws"]) == ["any", "any", "told"]
    exact = found.iloc[0]
    assert exact["found"] and exact["claim"] == "exact" and exact["found_terms"] == 2
    assert list(found["drawn"])[:2] == [1, 1] and found["drawn"].iloc[2] >= 1
    assert found["found"].iloc[2] and np.all(found["seconds"] > 0)


def test_a_fit_that_raises_is_a_row(monkeypatch):
    class Breaks:
        def fit(self, x, y):
            raise np.linalg.LinAlgError("no\nconvergence")

    monkeypatch.setattr(one, "PosynomialRegressor", Breaks)
    axes = {"kind": "signomial", "terms": 2, "variables": 3, "noise": 0.01, "laws": "any"}
    row = one.trial(axes, 0, None)
    assert row["claim"] == "error" and row["error"] == "LinAlgError: no convergence"
    assert not row["found"] and row["found_terms"] == 0


def runs():
    row = {"kind": "posynomial", "terms": 2, "variables": 3, "noise": 0.0, "laws": "any"}
    row |= {"found": True, "claim": "exact", "drawn": 1, "seconds": 1.0}
    noisy = row | {"noise": 0.01, "claim": "consistent"}
    return pd.DataFrame([
        row,
        row | {"found": False, "claim": "approximate"},
        noisy | {"found": False},
        noisy | {"laws": "told", "drawn": 3},
        noisy | {"laws": "told", "terms": 6, "found": False, "claim": "error", "seconds": 7.0},
    ])  # fmt: skip


def test_the_tables():
    found = report({"runs": runs()})
    assert found.tables["found"].to_dict("records") == [
        {"terms": 2, "variables": 3, "noise 0": "50.0 of 2", "noise 0.01, any": "0.0 of 1",
         "noise 0.01, told": "100.0 of 1", "% of laws told": "33", "median seconds": "1.0"},
        {"terms": 2, "variables": "aim", "noise 0": ">= 100", "noise 0.01, any": "",
         "noise 0.01, told": ">= 98", "% of laws told": "", "median seconds": ""},
        {"terms": 6, "variables": 3, "noise 0": "", "noise 0.01, any": "",
         "noise 0.01, told": "0.0 of 1", "% of laws told": "100", "median seconds": "7.0"},
        {"terms": 6, "variables": "aim", "noise 0": ">= 90", "noise 0.01, any": "",
         "noise 0.01, told": ">= 60", "% of laws told": "", "median seconds": ""},
    ]  # fmt: skip
    claims = found.tables["claims"].set_index("status")
    assert claims.loc["exact", ["noise 0", "noise 0: % wrong"]].tolist() == ["1", "0.0"]
    assert claims.loc["consistent", "noise 0.01, any: % wrong"] == "100.0"
    assert claims.loc["consistent", "noise 0.01, told: % wrong"] == "0.0"
    assert claims.loc["error", ["noise 0", "noise 0: % wrong"]].tolist() == ["0", ""]


def test_the_picture():
    figure = report({"runs": runs()}).figures["found"]
    assert [axis.get_title() for axis in figure.axes] == [
        "noise 0", "noise 0.01, any", "noise 0.01, told",
    ]  # fmt: skip
    (line,) = figure.axes[0].lines
    assert list(line.get_ydata()) == [50] and line.get_label() == "posynomial, 3"


def test_bad_input(command, tmp_path):
    from training.studies.sums import __main__ as module

    told = "kind=none: value should be one of <posynomial|signomial>"
    command(module, "--only=kind=none").assert_failed(told, exit_code=1)
    assert not any(tmp_path.iterdir())
