"""Networks of attention drawn anew: one trial, tables."""

import pytest

from training.experiments import runner
from training.studies.rainbow_attention.__main__ import DRAWS, STUDY
from training.studies.rainbow_attention.report import report


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_trials_and_report(tmp_path, few_digits_file):
    axes = {"dataset": [str(few_digits_file)], "size": [4, 8]}
    settings = {"epochs": 1, "images": 200, "draws": 1, "aligning": 20}
    tables = runner.run(STUDY, tmp_path, axes=axes, seeds=[0, 1], settings=settings, workers=0)
    samples = tables["samples"]
    assert len(tables["runs"]) == 4 and len(samples) == 4 * (1 + len(DRAWS))
    assert samples["test_accuracy"].nunique() > 4
    told = report(tables)
    assert told.tables["accuracy"]["drawn"].tolist() == ["trained", *DRAWS]
    assert list(told.tables["accuracy"].columns) == ["dataset", "drawn", "4", "8"]
    assert (told.tables["verdicts"].groupby("size").size() == 1 + len(DRAWS)).all()
    assert set(told.figures) == {"sizes"}
