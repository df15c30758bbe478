"""Fits of both problems, beside gpfit's: the data, one run, the tables."""

import numpy as np
import pytest

from training.experiments import runner
from training.fitting import convex
from training.studies.convex_fits.__main__ import STUDY
from training.studies.convex_fits.report import report
from training.studies.convex_fits.trial import GPFIT, NOISE, generated, hoburg, trial

FEW = ["max_affine", "softmax_affine"]


def test_the_axis_is_the_families():
    assert STUDY.axes["family"] == tuple(convex.FAMILIES) == tuple(GPFIT)


def test_gpfit_is_for_few_rows():
    cells = STUDY.all_cells(STUDY.chosen({"program": ["weirdonetworks", "gpfit"]}))
    assert len(cells) == 3 * 2 + 3
    assert {cell["problem"] for cell in cells if cell["program"] == "gpfit"} == {"hoburg"}


def test_hoburgs_example():
    data = hoburg()
    u = data.u[:, 0]
    assert len(u) == 101 and (u[0], u[-1]) == pytest.approx((1, 3))
    np.testing.assert_allclose(np.diff(np.log(u)), np.log(3) / 100)
    np.testing.assert_allclose(data.w, (u * u + 3) / (u + 1) ** 2)
    np.testing.assert_allclose(np.exp(data.truth), data.w)


def test_the_generated_problem():
    data, again, other = (generated(2000, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(data.w, again.w)
    assert np.abs(np.log(data.u)).max() <= 1 and np.all(data.u != other.u)
    assert np.std(np.log(data.w) - data.truth) == pytest.approx(NOISE, rel=0.05)


@pytest.mark.slow
def test_both_problems(tmp_path):
    axes = {**STUDY.axes, "family": FEW, "program": ["weirdonetworks"]}
    settings = {"rows": 3000, "num_terms": 2, "epochs": 1, "restarts": 1}
    found = runner.run(STUDY, tmp_path, axes=axes, settings=settings, workers=0)
    runs = found["runs"]
    assert list(runs["problem"]) == ["hoburg"] * 2 + ["generated"] * 2
    assert list(runs["family"]) == FEW * 2
    assert (runs["chord_excess"] <= 1e-9).all() and (runs["seconds"] > 0).all()
    many = runs[runs["problem"] == "generated"]
    assert (many["noise_floor"] < many["held_out_rms"]).all() and (many["held_out_rms"] < 2).all()
    # What a row says of the fit is what its curve shows.
    for family, curve in found["curves"].groupby("family"):
        rms = runs.loc[(runs["problem"] == "hoburg") & (runs["family"] == family), "rms"].item()
        assert np.sqrt(np.mean(curve["error"] ** 2)) == pytest.approx(rms)
    shown = report(found)
    assert list(shown.tables["hoburg"]["family"]) == FEW
    assert list(shown.tables["generated"]["rows"]) == ["3,000", "3,000"]
    assert set(shown.figures) == {"fits"}


def test_the_best_and_the_worst_of_gpfit():
    axes = {"problem": "hoburg", "family": "max_affine", "program": "gpfit"}
    (row,) = trial(axes, 0, None, gpfit_restarts=3)["runs"]
    assert row["restarts"] == 3 and 2.3e-3 < row["rms"] <= row["worst_restart"] < 2.5e-3
