"""Records: that a trial is the run of its recipe, and what the tables tell."""

import pandas as pd
import pytest

from training.engine import fit
from training.engine.recipes import recipe_for
from training.experiments import runner
from training.found.records import RECORDS
from training.studies.records import trial as module
from training.studies.records.__main__ import STUDY, cells
from training.studies.records.report import PUBLISHED, report


def test_each_record_is_a_cell():
    axes = {**STUDY.axes, "dataset": ["mnist"]}
    found = {(cell["network"], cell["recipe"]) for cell in cells(axes)}
    assert found == {(network, name) for (network, _), names in RECORDS.items() for name in names}


@pytest.mark.slow
def test_a_trial_is_a_run_of_the_record(tmp_path, few_digits_file, monkeypatch):
    runs = []
    monkeypatch.setattr(module, "fit", lambda *a, **k: runs.append(fit(*a, **k)) or runs[0])
    axes = {"dataset": [str(few_digits_file)], "network": ["row_recurrent"], "recipe": ["record+"]}
    tables = runner.run(STUDY, tmp_path, axes=axes, seeds=[3], settings={"epochs": 1}, workers=0)
    (run,), (row,) = runs, tables["runs"].to_dict("records")
    recipe = recipe_for("row_recurrent", "mnist", name="record+")
    assert run.config["step_args"].items() >= recipe.step_args.items()
    assert run.config["network_args"].items() >= recipe.network_args.items()
    assert row["test_accuracy"] == run.evaluate("test") and row["epochs"] == 1
    assert tables["curves"]["validation_accuracy"].tolist() == [row["validation_accuracy"]]
    told = report(tables)
    assert set(told.tables) == {"records", "published"} and set(told.figures) == {"curves"}


def test_the_table_tells_errors():
    rows = [
        {"dataset": "mnist", "network": "mlp", "recipe": "record+", "seed": seed, "status": status,
         "test_accuracy": 0.996 - 0.001 * seed, "validation_accuracy": 0.99, "numbers": 1234,
         "fixed": 0, "epochs": 60, "seconds": 90.0 + 60 * seed}
        for seed, status in ((0, "done"), (2, "done"), (5, "diverged"))
    ]  # fmt: skip
    curves = pd.DataFrame(
        [{**rows[0], "epoch": epoch, "validation_accuracy": 0.9} for epoch in (1, 2)]
    )
    (line,) = (
        report({"runs": pd.DataFrame(rows), "curves": curves}).tables["records"].to_dict("records")
    )
    assert (line["images"], line["seeds"]) == ("distorted", 2)
    assert (line["test error %"], line["minutes"]) == ("0.50 ± 0.14", "2")


def test_what_others_report_has_its_source():
    table = pd.read_csv(PUBLISHED)
    assert table.notna().all(axis=None)
    assert set(table["images"]) == {"as they are", "distorted"}
