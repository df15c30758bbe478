"""The tables of real measurements, and the regression's answers beside the literature's."""

import functools

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from training.fitting.laws import measured
from training.fitting.laws.measured import answers
from training.report.tables import read_csv
from weirdonetworks.regression import units

# Rows, and sums of columns: a digit that is lost in an edit is noticed.
FACTS = {
    "planets": (8, {"axis": 10136.189, "period": 107331.115}),
    "nebulae": (24, {"distance": 21.873, "velocity": 8955}),
    "mammals": (619, {"mass": 1928089.53, "metabolic_rate": 471286.4}),
    "brains": (62, {"body": 12324.979, "brain": 17554.32}),
    "heat_exchanger": (16, {"reynolds": 265667.3, "prandtl": 7666.93, "nusselt": 2230.1}),
    "spheres": (122, {"reynolds": 1376602.82, "drag": 112.702}),
    "pipe": (43, {"reynolds": 5655720, "friction": 0.122235}),
    "language_models": (7, {"training_flops": 3.07566e22, "loss": 14.245}),
    "chinchilla": (245, {"parameters": 425642843000, "tokens": 7.35952138e12, "loss": 655.039}),
    "puromycin": (12, {"concentration": 4.14, "rate": 1699}),
    "puromycin_untreated": (11, {"concentration": 3.04, "rate": 1218}),
    "stars": (35, {"mass": 158.357, "luminosity_per_mass": 33442.021}),
    "boyle": (25, {"volume": 678, "pressure": 1537.6875}),
    "filament": (6, {"temperature": 9.126, "power": 24.038}),
    "trees": (31, {"girth": 410.7, "height": 2356, "volume": 935.3}),
}
fit = functools.cache(answers.fit)


def test_tables_are_whole():
    assert set(FACTS) == set(measured.NAMES) == {f.stem for f in measured.FOLDER.glob("*.csv")}
    for name, (rows, sums) in FACTS.items():
        table, frame = measured.get(name), measured.load(name)
        numbers = frame.select_dtypes("number")
        assert len(frame) == rows and not frame.isna().any(axis=None), name
        assert set(numbers) == set(table.units), name
        assert (numbers.drop(columns="velocity", errors="ignore") > 0).all(axis=None), name
        for column, total in sums.items():
            assert numbers[column].sum() == pytest.approx(total, rel=1e-9), (name, column)
        units.dimension_matrix({c: table.units[c] for c in table.columns}, table.columns)
        assert table.title and table.source and table.literature and table.lesson


def test_an_unknown_table():
    with pytest.raises(ValueError, match="must be one of planets, .*; got 'moons'"):
        measured.load("moons")
    with pytest.raises(ValueError, match="must be answers or sources, got 'moons'"):
        answers.shown("moons")


def logarithms(name):
    """Exponents and the logarithm of the constant, by linear least squares of logarithms."""
    x, y = answers.rows_of(name)
    return np.linalg.lstsq(np.column_stack([np.log(x), np.ones(len(x))]), np.log(y))[0]


def curve(name, function, start):
    """Constants, standard errors, residual standard error of least squares with the form given."""
    x, y = answers.rows_of(name)
    found, covariance = optimize.curve_fit(function, x.iloc[:, 0], y, start)
    residuals = y - function(x.iloc[:, 0], *found)
    error = np.sqrt(np.sum(residuals**2) / (len(y) - len(found)))
    return found, np.sqrt(np.diag(covariance)), error


def test_published_fits_follow_from_the_tables():
    """A wrong digit in a table would change them."""

    def saturation(s, v, k):
        return v * s / (k + s)

    for name, constants, errors, residual in (
        ("puromycin", (212.7, 0.06412), (6.947, 0.00828), 10.93),
        ("puromycin_untreated", (160.3, 0.0477), (6.480, 0.00778), 9.773),
    ):
        found = curve(name, saturation, (200, 0.05))
        for value, published in zip(found, (constants, errors, residual), strict=True):
            np.testing.assert_allclose(value, published, rtol=1e-3)

    found, errors, _ = curve("filament", lambda t, c, a: c * t**a, (1, 4))
    np.testing.assert_allclose(found, (0.76886226, 3.8604056), rtol=1e-6)
    np.testing.assert_allclose(errors, (0.018281974, 0.051726611), rtol=1e-4)

    nebulae = measured.load("nebulae")
    assert np.polyfit(nebulae.distance, nebulae.velocity, 1) == pytest.approx(
        (454.16, -40.78), abs=0.01
    )
    np.testing.assert_allclose(logarithms("brains"), (0.75169, 2.13479), atol=1e-5)
    np.testing.assert_allclose(logarithms("trees"), (1.98265, 1.11712, -6.63162), atol=1e-5)
    np.testing.assert_allclose(logarithms("mammals"), (0.687, np.log(4.12)), atol=1e-3)


def test_what_the_lessons_say():
    models = measured.load("language_models")
    start = (0.5, 1.6, -0.07)
    found, errors, _ = curve("language_models", lambda f, e, c, a: e + c * (f / 1e20) ** a, start)
    assert (round(found[0], 2), round(errors[0], 1)) == (0.5, 0.3)
    assert found[2] == pytest.approx(-0.0737, abs=errors[2])
    assert np.max(np.abs(models.loss / answers.literature("language_models") - 1)) < 0.012
    (x, y), published = answers.rows_of("chinchilla"), (np.log(482), 0.3478, np.log(2085), 0.3658)
    assert len(y) == 240

    def form(x, e, a, alpha, b, beta):
        n, d = np.log(x["parameters"]), np.log(x["tokens"])
        return np.log(e + np.exp(a - alpha * n) + np.exp(b - beta * d))

    best, _ = optimize.curve_fit(form, x, np.log(y), (1.8172, *published))
    np.testing.assert_allclose(best, (1.8172, *published), rtol=0.15)
    kept = read_csv(answers.FILE).set_index("name")
    found = kept.loc["chinchilla"]
    scatter = np.sqrt(np.mean((form(x, *best) - np.log(y)) ** 2))
    assert 1.4 * found["scatter"] < scatter < found["literature_scatter"]
    assert "depend on X" in found["reason"] and found["status"] == "approximate"
    assert (kept.loc["pipe", ["scatter", "literature_scatter"]] < 0.016).all()
    assert kept.loc["spheres", "scatter"] < kept.loc["spheres", "literature_scatter"]
    boyle = measured.load("boyle")
    assert round(boyle.volume[0] * boyle.pressure[0]) == 1398
    assert measured.load("spheres").reynolds.min() > 5
    ratio = (
        measured.load("filament").temperature.max() / measured.load("filament").temperature.min()
    )
    assert np.log10(ratio) == pytest.approx(0.1, abs=0.01)


@pytest.mark.slow
def test_the_answers_are_those_of_the_repository(monkeypatch):
    """As `python -m training.fitting.laws.measured` writes them."""
    monkeypatch.setattr(answers, "fit", fit)
    kept, now = read_csv(answers.FILE), answers.answers()
    pd.testing.assert_frame_equal(kept, now, rtol=0.01)


def z_score(found, error, published, published_error=0.0):
    return abs(float(found) - published) / np.hypot(error, published_error)


@pytest.mark.slow
def test_single_powers_agree_with_the_literature():
    """Exponents and constants within two standard errors."""
    for name, settings, exponents, constant in (
        ("planets", {}, (1.5,), 0.199623),
        ("nebulae", {}, (1,), 465),
        ("brains", {}, (0.7517,), 8.455),
        ("boyle", {}, (-1,), None),  # from one row alone, without an error
        ("filament", {}, (3.8604,), 0.76886),
        ("filament", {"noise": "absolute"}, (3.8604056,), 0.76886226),
        ("mammals", {"num_terms": 1}, (0.687,), 4.12),
        ("trees", {"num_terms": 1}, (1.983, 1.117), 0.001318),
        ("heat_exchanger", {"noise": "relative"}, (0.55, 1 / 3, 0.14), None),  # of the baffles
    ):
        found = fit(name, **settings)
        assert len(found.law_.coefficients) == 1, name
        errors = found.exponent_errors_[0]
        for value, error, published in zip(found.law_.exponents[0], errors, exponents, strict=True):
            assert z_score(value, error, published) < 2, (name, value, error, published)
        if constant is not None:
            value, error = found.law_.coefficients[0], found.coefficient_errors_[0]
            spread = 50 if name == "nebulae" else 0
            assert z_score(value, error, constant, spread) < 2, (name, value, error)
    assert fit("planets").law_.exponents == ((3 / 2,),)
    assert fit("brains").status_ == "consistent"


@pytest.mark.slow
def test_no_law_is_claimed_where_there_is_none():
    """Nor a fraction where an error as large as the difference from it is left."""
    for name in ("mammals", "heat_exchanger", "language_models", "stars", "filament"):
        assert fit(name).status_ == "approximate", name
    for name in ("mammals", "brains", "language_models", "filament", "pipe"):
        exponents = np.concatenate([np.array(row, object) for row in fit(name).law_.exponents])
        assert all(isinstance(a, float) for a in exponents), name
    assert fit("mammals", num_terms=1).evidence_["p_value"] < 1e-3
    assert "depend on X" in fit("stars").evidence_["reason"]


@pytest.mark.slow
def test_saturation_is_found():
    """From twelve rows, with the constants and the residual of least squares with the form given.

    Of the eleven without puromycin, another form fits better, and none is claimed.
    """
    (x, y), found = answers.rows_of("puromycin"), fit("puromycin")
    law = found.law_
    assert law.power == -1 and sorted(row[0] for row in law.exponents) == [-1, 0]
    constant = law.coefficients[[row[0] for row in law.exponents].index(0)]
    slope = law.coefficients[[row[0] for row in law.exponents].index(-1)]
    assert 1 / constant == pytest.approx(212.7, rel=1e-3)
    assert slope / constant == pytest.approx(0.06412, rel=1e-3)
    assert np.sqrt(np.sum((y - found.predict(x)) ** 2) / (len(y) - 2)) < 10.94
    other = fit("puromycin_untreated")
    assert other.law_.power == -1 and other.status_ == "approximate"


@pytest.mark.slow
def test_trees_are_solids():
    """The product of powers, with usable errors."""
    found = fit("trees")
    assert len(found.law_.coefficients) == 1
    for value, error, published in zip(
        found.free_exponents_[0], found.exponent_errors_[0], (1.983, 1.117), strict=True
    ):
        assert z_score(value, error, published) < 2
