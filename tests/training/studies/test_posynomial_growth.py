"""The growing networks: which are trained, and how their table and picture tell of them."""

import pandas as pd
import pytest

from training.experiments import runner
from training.studies.posynomial_growth import trial as one
from training.studies.posynomial_growth.__main__ import STUDY
from training.studies.posynomial_growth.report import report

CONVEX = "posynomial_mlp-convex"


def test_the_networks_are_those_of_the_axis():
    assert STUDY.axes["network"] == list(one.NETWORKS)


@pytest.mark.slow
def test_a_trial(tmp_path, few_digits_file):
    axes = {"network": [CONVEX], "depth": [2], "num_terms": [4], "dataset": [few_digits_file]}
    found = runner.run(STUDY, tmp_path, axes=axes, seeds=[0], settings={"epochs": 1}, workers=0)
    (row,) = found["runs"].to_dict("records")
    assert {key: row[key] for key in ("network", "depth", "num_terms", "seed", "status")} == {
        "network": CONVEX, "depth": 2, "num_terms": 4, "seed": 0, "status": "done",
    }  # fmt: skip
    assert row["parameters"] == 784 * 4 + 4 * 256 + 256 + 256 * 4 + 4 * 10 + 10
    assert 0 < row["validation_accuracy"] < 1 and 0 < row["test_accuracy"] < 1
    assert row["seconds"] > 0


@pytest.mark.parametrize("label", list(one.NETWORKS))
def test_what_is_trained(monkeypatch, label):
    class Asked(Exception):
        pass

    def fit(*arguments, **settings):
        raise Asked(arguments, settings)

    monkeypatch.setattr(one, "fit", fit)
    axes = {"network": label, "depth": 2, "num_terms": 4, "dataset": "digits"}
    with pytest.raises(Asked) as asked:
        one.trial(axes, 3, None, **STUDY.resolve_settings({}))
    (network, dataset), settings = asked.value.args
    assert (network, dataset) == (label.removesuffix("-convex"), "digits")
    assert (settings["seed"], settings["epochs"]) == (3, 5)
    expected = {"num_terms": 4, "depth": 2}
    expected |= {"nonnegative_exponents": True} if label == CONVEX else {}
    assert settings["network_args"] == expected


def test_a_line_for_each_depth_and_a_column_for_each_number_of_terms():
    row = {"network": CONVEX, "dataset": "digits", "status": "done"}
    rows = [
        {**row, "depth": 2, "num_terms": terms, "test_accuracy": accuracy}
        for terms, accuracy in ((64, 0.91), (64, 0.92), (64, 0.96), (2, 0.5))
    ]
    rows.append({**row, "depth": 3, "num_terms": 64, "test_accuracy": 0.25})
    rows += [{**row, "depth": 3, "num_terms": terms, "status": "diverged"} for terms in (2, 64)]
    found = report({"runs": pd.DataFrame(rows)})
    assert found.tables["accuracy"].to_dict("records") == [
        {"dataset": "digits", "network": CONVEX, "depth": depth, "2 terms": two, "64 terms": many}
        for depth, two, many in (
            (2, "50.00", "93.00 ± 2.65"),
            (3, "(1 diverged)", "25.00 (1 diverged)"),
        )
    ]
    (axis,) = found.figures["growth"].axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in axis.lines}
    assert lines == {"depth 2": [[2, 50], [64, pytest.approx(7)]], "depth 3": [[64, 75]]}
