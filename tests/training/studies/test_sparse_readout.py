"""Sparse readouts: the orders of units, a tiny trial of all methods, and the report."""

import numpy as np
import pytest

from training.experiments import runner
from training.studies.sparse_readout import trial as module
from training.studies.sparse_readout.__main__ import STUDY
from training.studies.sparse_readout.report import report
from weirdonetworks.layers import SparseReadout

RNG = np.random.default_rng(0)
H = RNG.normal(size=(300, 12)) + 1
TARGETS = H[:, [2, 9]] @ RNG.normal(size=(2, 3)) + 0.1 * RNG.normal(size=(300, 3))
LAST = np.eye(12, 3)


def test_methods_are_the_axis():
    assert list(module.ORDERS) == STUDY.axes["method"]


@pytest.mark.slow
def test_orders_hold_every_unit_once():
    for name, order in module.ORDERS.items():
        found = order(H, TARGETS, LAST, 0)
        assert sorted(found) == list(range(12)), name
        if name in ("pursuit", "lasso"):
            assert set(found[:2]) == {2, 9}, name
    wide = module.by_magnitude(H * np.where(np.arange(12) == 1, 9, 1), TARGETS, LAST, 0)
    assert wide[0] == 1 and set(wide[:3]) == {0, 1, 2}
    assert not np.array_equal(*(module.at_random(H, TARGETS, LAST, seed) for seed in (0, 1)))


@pytest.mark.slow
def test_the_order_of_pursuit_is_the_layers():
    readout = SparseReadout(3, 5)
    readout.fit(H, TARGETS)
    np.testing.assert_array_equal(module.by_pursuit(H, TARGETS, LAST, 0)[:5], readout.chosen)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_trials_and_report(tmp_path, few_digits_file):
    axes = {**STUDY.axes, "dataset": [few_digits_file]}
    settings = {"epochs": 3, "width": 20, "rows": 300}
    tables = runner.run(STUDY, tmp_path, axes=axes, seeds=[0], settings=settings, workers=0)
    curves = tables["curves"]
    assert list(curves["units"].unique()) == [2, 4, 8, 16, 20]
    assert len(curves) == 4 * 5 and tables["runs"]["network_accuracy"].nunique() == 1
    by_method = curves.pivot(index="method", columns="units", values="test_accuracy")
    assert by_method[20].max() - by_method[20].min() < 0.02  # all units are all units
    assert (by_method[20] > by_method[2] + 0.1).all()
    told = report(tables)
    assert set(told.tables) == {"accuracy", "verdicts", "network"}
    compared = told.tables["verdicts"]
    assert set(compared.loc[compared["verdict"] == "baseline", "method"]) == {"random"}
    assert list(told.tables["accuracy"].columns[2:]) == ["2", "4", "8", "16", "20"]
    assert set(told.figures) == {"units"}
