"""Records: that a trial is the run of its recipe, and what the tables tell."""

import numpy as np
import pandas as pd
import pytest

from training.engine import fit
from training.engine.recipes import recipe_for
from training.experiments import runner
from training.found.records import RECORDS
from training.studies.records import trial as module
from training.studies.records.__main__ import STUDY, cells
from training.studies.records.report import PUBLISHED, committees, report
from training.studies.records.trial import doubts


def test_each_record_is_a_cell():
    axes = {**STUDY.axes, "dataset": ["mnist"]}
    found = {(cell["network"], cell["recipe"]) for cell in cells(axes)}
    assert found == {(network, name) for (network, _), names in RECORDS.items() for name in names}


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
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
    over_shifts = run.over_shifts()
    assert row["shifted_accuracy"] == over_shifts.evaluate("test")
    assert row["shifted_validation_accuracy"] == over_shifts.evaluate("validation")
    told = report(tables)
    assert set(told.tables) == {"records", "ideas", "shifts", "committees", "published"}
    assert set(told.figures) == {"curves"} and told.tables["committees"].empty
    test = run.dataset.test
    for name, asked in (("doubts", run), ("shifted_doubts", over_shifts)):
        probabilities = asked.probabilities(test.images)
        unsure = probabilities[np.arange(len(test.labels)), test.labels] < module.SURE
        assert unsure.any() and tables[name]["image"].tolist() == np.flatnonzero(unsure).tolist()
        told = tables[name][[f"p{k}" for k in range(10)]]
        np.testing.assert_allclose(told, probabilities[unsure], rtol=0, atol=6e-5)
    assert row["tested"] == len(test.labels)


@pytest.mark.slow
def test_the_table_tells_errors():
    rows = [
        {"dataset": "mnist", "network": "mlp", "recipe": "record+", "seed": seed, "status": status,
         "tested": 10_000, "test_accuracy": 0.996 - 0.001 * seed, "validation_accuracy": 0.99,
         "numbers": 1234, "fixed": 0, "epochs": 60, "seconds": 90.0 + 60 * seed}
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
    assert line["default recipe, error %"] == "1.74 ± 0.09"  # of the zoo's rows of mlp
    (line,) = (
        report({"runs": pd.DataFrame(rows), "curves": curves}).tables["ideas"].to_dict("records")
    )
    assert line == {
        "dataset": "mnist", "network": "mlp", "idea": "none of them",
        "default recipe, error %": "1.74 ± 0.09", "record, error %": "",
        "record+, error %": "0.50 ± 0.14",
    }  # fmt: skip
    turned = [{**row, "dataset": "mnist_rot", "network": "synchronous_mlp"} for row in rows]
    told = report({"runs": pd.DataFrame(turned), "curves": curves}).tables["records"]
    assert told["default recipe, error %"].tolist() == ["2.07 ± 0.05"]  # not those of mnist


def test_the_table_of_shifts_tells_seeds_that_were_scored_so():
    rows = [
        {"dataset": "mnist", "network": network, "recipe": "record+", "seed": seed,
         "status": "done", "tested": 10_000, "test_accuracy": 0.99, "validation_accuracy": 0.98,
         "shifted_accuracy": shifted, "shifted_validation_accuracy": shifted, "numbers": 1234,
         "epochs": 60, "seconds": 90.0}
        for network, seed, shifted in (("mlp", 0, 0.992), ("mlp", 1, 0.994), ("mlp", 2, np.nan),
                                       ("quadratic_mlp", 0, np.nan))
    ]  # fmt: skip
    curves = pd.DataFrame([{**rows[0], "epoch": 1}])
    (line,) = (
        report({"runs": pd.DataFrame(rows), "curves": curves}).tables["shifts"].to_dict("records")
    )
    assert line == {
        "dataset": "mnist", "network": "mlp", "recipe": "record+", "numbers": "1,234", "seeds": 2,
        "test error %": "1.00 ± 0.00", "over shifts %": "0.70 ± 0.14",
        "validation error %": "2.00 ± 0.00", "validation, over shifts %": "0.70 ± 0.14",
    }  # fmt: skip


def _members(cells: list[tuple[str, int, float]], drawn: int = 0):
    """For (network, seed, validation accuracy) each: its probabilities, rows and doubts."""
    rng = np.random.default_rng(drawn)
    labels = rng.integers(3, size=400)
    members, runs, unsure = {}, [], []
    for network, seed, accuracy in cells:
        cell = {"dataset": "mnist", "network": network, "recipe": "record", "seed": seed}
        told = rng.dirichlet([1, 1, 1], size=400).round(4)
        members[network, seed] = np.where(rng.random([400, 1]) < 0.3, told, np.eye(3)[labels])
        unsure += [{**cell, **row} for row in doubts(members[network, seed], labels)]
        runs.append({**cell, "validation_accuracy": accuracy, "numbers": 1000, "tested": 400})

    def error(*chosen):
        return (sum(members[one] for one in chosen).argmax(axis=1) != labels).mean()

    return members, pd.DataFrame(runs), pd.DataFrame(unsure), error


def test_a_committee_averages_probabilities():
    members, runs, unsure, error = _members([("mlp", seed, 0.9) for seed in (1, 4, 6)])
    assert 0 < error(*members) < min(map(error, members))
    (line,) = committees(runs, unsure, unsure[unsure["seed"] != 4]).to_dict("records")
    assert line == {
        "dataset": "mnist", "network": "mlp", "recipe": "record", "members": "3",
        "numbers": "3,000", "test error %": f"{100 * error(*members):.2f}", "over shifts %": "",
    }  # fmt: skip
    one = unsure[unsure["seed"] == 4]
    assert committees(runs, one, one).empty
    (line,) = committees(runs, one, unsure).to_dict("records")
    assert line["test error %"] == "" and line["over shifts %"] == f"{100 * error(*members):.2f}"


def test_a_committee_over_shifts_averages_the_means_over_shifts():
    _, runs, unsure, _ = _members([("mlp", seed, 0.9) for seed in (1, 4)])
    members, _, shifted, error = _members([("mlp", seed, 0.9) for seed in (1, 4)], drawn=1)
    (line,) = committees(runs, unsure, shifted).to_dict("records")
    assert line["over shifts %"] == f"{100 * error(*members):.2f}" != line["test error %"]


@pytest.mark.slow
def test_a_committee_of_networks_is_chosen_by_validation():
    """The first seed of each, whichever of its seeds has the highest accuracy."""
    names = ["mlp", "dynamic_mlp", "gated_mlp", "dct_mlp", "hashed_mlp", "patch_mlp"]
    cells = [(name, 2, 0.9 + 0.01 * i) for i, name in enumerate(names)]
    members, runs, unsure, error = _members(
        [*cells, ("patch_mlp", 3, 0.5), ("hashed_mlp", 3, 0.95)]
    )
    *_, line = committees(runs, unsure, unsure).to_dict("records")
    chosen = ["hashed_mlp", "dct_mlp", "gated_mlp", "dynamic_mlp", "mlp"]
    assert (line["network"], line["members"]) == (", ".join(chosen), "5")
    assert line["test error %"] == f"{100 * error(*[(name, 2) for name in chosen]):.2f}"


def test_what_others_report_has_its_source():
    table = pd.read_csv(PUBLISHED)
    assert table.notna().all(axis=None)
    assert set(table["images"]) == {"as they are", "distorted"}
