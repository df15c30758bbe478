"""Units: dimensions, the units of constants, and Buckingham's exponents."""

import itertools
import sys
from fractions import Fraction

import numpy as np
import pint
import pytest

from weirdonetworks.regression.law import Law
from weirdonetworks.regression.units import consistent_exponents, dimension_matrix, law_units

HALF = Fraction(1, 2)


def _law(names, target, exponents, coefficients, power=1):
    rows = [[Fraction(a) if isinstance(a, int) else a for a in row] for row in exponents]
    return Law(tuple(names.split()), target, rows, coefficients, Fraction(power))


KINETIC = _law("m v", "E", [[1, 2]], [0.5])
PENDULUM = _law("l g", "T", [[HALF, -HALF]], [2 * np.pi])


def test_dimension_matrix():
    units = {"F": "N", "a": "m**(1/3)", "n": "", "one": "1", "angle": "deg", "r": "km", "T": "K"}
    bases, matrix = dimension_matrix(units, ["F", "a", "n", "one", "angle", "r"])
    assert bases == ("length", "mass", "time")
    assert matrix.tolist() == [[1, 1, -2], [Fraction(1, 3), 0, 0], *3 * [[0, 0, 0]], [1, 0, 0]]
    assert all(isinstance(a, Fraction) for a in matrix.ravel())
    bases, matrix = dimension_matrix(units, ["n"])
    assert bases == () and matrix.shape == (1, 0)


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        ("foo", "units\\['x'\\] must be a unit that Pint knows.*got 'foo': 'foo' is unknown$"),
        ("AU", "got 'AU': Pint reads 'AU' as absorbance_unit: write au, or absorbance_unit if"),
        ("degC", "units\\['x'\\] must be a unit whose zero.*kelvin.*got 'degC'"),
        ("degF", "must be a unit whose zero"),
        ("J/degC", "must be a unit whose zero"),
        ("dB", "logarithmic"),
        (3, "units\\['x'\\] must be a string, got 3"),
    ],
)
def test_bad_units(unit, message):
    with pytest.raises(ValueError, match=message):
        dimension_matrix({"x": unit}, ["x"])


def test_units_of_differences_of_temperature():
    bases, _ = dimension_matrix({"x": "delta_degC", "y": "K"}, ["x", "y"])
    assert bases == ("temperature",)


def test_missing_units():
    with pytest.raises(ValueError, match="units must have one for each column, got none for 'v'"):
        law_units(KINETIC, {"m": "kg"}, "J")
    with pytest.raises(ValueError, match="units must map names to units, got \\['m', 'v'\\]"):
        law_units(KINETIC, ["m", "v"], "J")
    with pytest.raises(ValueError, match="target_units must be a unit that Pint knows.*'Joules!'"):
        law_units(KINETIC, {"m": "kg", "v": "m/s"}, "Joules!")


def test_without_pint(monkeypatch):
    monkeypatch.setitem(sys.modules, "pint", None)
    with pytest.raises(ImportError, match="pint.*pip install 'weirdonetworks\\[regression\\]'"):
        dimension_matrix({"x": "m"}, ["x"])


def test_consistent_law():
    report = law_units(KINETIC, {"m": "kg", "v": "m/s"}, "J")
    assert report.consistent and report.constants[0].dimensionless
    assert report.constants[0].base_unit == "" and report.constants[0].base_value == 0.5
    assert report.message.startswith("consistent: all constants are dimensionless; m is read as")
    wrong = law_units(KINETIC, {"m": "kg", "v": "m/s"}, "W")
    assert not wrong.consistent and not wrong.constants[0].dimensionless


def test_units_are_read_back():
    """In full names, with the dimension and base units: what was misread can be seen."""
    law = _law("a v n angle G", "T", [[1, -1, 0, 0, 0]], [1.0])
    units = {"a": "au", "v": "km/h", "n": "-", "angle": "deg", "G": "m³ kg⁻¹ s⁻²"}
    report = law_units(law, units, "yr")
    assert report.readings == {
        "a": "astronomical_unit, length, 1.49598e+11 m",
        "v": "kilometer/hour, length/time, 0.277778 m/s",
        "n": "1, dimensionless",
        "angle": "degree, dimensionless, 0.0174533 rad",
        "G": "meter**3/(kilogram*second**2), length**3/(mass*time**2)",
        "T": "year, time, 3.15576e+07 s",
    }
    for name, reading in report.readings.items():
        assert f"; {name} is read as {reading}" in report.message


def test_constants_hold_conversions():
    report = law_units(_law("m v", "E", [[1, 2]], [5e5]), {"m": "kg", "v": "km/s"}, "J")
    assert report.consistent
    assert report.constants[0].base_value == pytest.approx(0.5)
    assert "500000 of m*v**2" in report.message and "pure number is 0.5" in report.message


def test_constants_that_are_quantities():
    gravitation = _law("m1 m2 r", "F", [[1, 1, -2]], [6.674e-11])
    report = law_units(gravitation, {"m1": "kg", "m2": "kg", "r": "m"}, "N")
    assert not report.consistent
    assert report.constants[0].base_unit == "m**3/(kg*s**2)"
    assert "6.674e-11 of m1*m2/r**2 must carry N*m**2/kg**2" in report.message

    # Kepler's third law: T^2 = a^3 with astronomical units and years is 4 pi^2 / (G M) in SI.
    kepler = _law("a", "T", [[3]], [1.0], power=2)
    constant = law_units(kepler, {"a": "au"}, "year").constants[0]
    assert constant.base_unit == "s**2/m**3"
    assert constant.base_value == pytest.approx(4 * np.pi**2 / 1.32712440018e20, rel=1e-3)


def test_each_term_has_its_own_unit():
    distance = _law("v t a", "s", [[1, 1, 0], [0, 2, 1], [0, 0, 0]], [1.0, 0.5, 3.0])
    report = law_units(distance, {"v": "m/s", "t": "s", "a": "m/s^2"}, "m")
    assert [c.dimensionless for c in report.constants] == [True, True, False]
    assert not report.consistent and "the constant 3 of 1 must carry m" in report.message


def test_roots():
    hypotenuse = _law("x y", "d", [[2, 0], [0, 2]], [1.0, 1.0], power=2)
    assert law_units(hypotenuse, {"x": "m", "y": "m"}, "m").consistent
    assert not law_units(hypotenuse, {"x": "m", "y": "m"}, "m**2").consistent
    assert law_units(PENDULUM, {"l": "m", "g": "m/s^2"}, "s").consistent
    assert law_units(_law("x", "y", [[0.5]], [1.0]), {"x": "m**2"}, "m").consistent


def test_float_exponents_are_inconsistent_but_for_pure_numbers():
    law = _law("x n", "y", [[0.9999, 0.123]], [1.0])
    assert not law_units(law, {"x": "m", "n": ""}, "m").consistent
    assert law_units(_law("x n", "y", [[1, 0.123]], [1.0]), {"x": "m", "n": ""}, "m").consistent
    assert law_units(law, {"x": "m", "n": ""}, "m").constants[0].unit == "m**0.0001"


def test_spelled_units_are_read_back():
    registry = pint.get_application_registry()
    law = _law("a b", "y", [[Fraction(1, 3), -2]], [1.0])
    spelled = law_units(law, {"a": "kg*km/h", "b": "delta_degC/V"}, "J").constants[0].unit
    expected = registry.Quantity(1, "J*(delta_degC/V)**2/(kg*km/h)**(1/3)").to_base_units()
    actual = registry.Quantity(1, spelled).to_base_units()
    assert actual.magnitude == pytest.approx(expected.magnitude)
    assert actual.dimensionality == expected.dimensionality


CASES = [
    ({"l": "m", "g": "m/s^2", "m": "kg", "angle": "deg"}, "s", 1),
    ({"rho": "kg/m^3", "v": "km/h", "d": "m", "mu": "Pa*s"}, "N", 1),
    ({"a": "au", "G": "m^3/kg/s^2", "M": "kg"}, "year", 2),
    ({"x": "m**0.5", "y": "m**(3/2)", "z": "s"}, "m*s", Fraction(-1, 2)),
    ({"x": "", "y": "1"}, "", 1),
    ({"x": "m"}, "m**2", 1),
]


@pytest.mark.parametrize(("units", "target", "power"), CASES)
def test_consistent_exponents(units, target, power):
    names = list(units)
    a0, basis = consistent_exponents(units, target, names, Fraction(power))
    bases, matrix = dimension_matrix({**units, "the target": target}, ["the target", *names])
    rank = np.linalg.matrix_rank(matrix[1:].astype(float)) if bases else 0
    assert a0.shape == (len(names),) and basis.shape == (len(names), len(names) - rank)
    assert all(isinstance(a, Fraction) for a in [*a0, *basis.ravel()])
    assert all(a.denominator == 1 for a in basis.ravel())
    # Exactly, and so is each sum; an exponent changed by hand is not.
    np.testing.assert_array_equal(a0 @ matrix[1:], power * matrix[0])
    for column in basis.T:
        assert any(column) and not np.any(column @ matrix[1:])
        assert np.gcd.reduce([int(a) for a in column]) == 1
    t = [Fraction(k + 2, 3) for k in range(basis.shape[1])]
    a = [
        x + sum(b * s for b, s in zip(row, t, strict=True))
        for x, row in zip(a0, basis, strict=True)
    ]
    law = Law(tuple(names), "y", [a], [1.0], Fraction(power))
    assert law_units(law, units, target).consistent
    for i in range(len(names)):
        if any(matrix[1 + i]):
            other = Law(law.names, "y", [[*a[:i], a[i] + 1, *a[i + 1 :]]], [1.0], law.power)
            assert not law_units(other, units, target).consistent


def test_pendulum_is_determined():
    """Of length, gravity and mass, only sqrt(l / g) is a time, and the mass has no part in it."""
    a0, basis = consistent_exponents({"l": "m", "g": "m/s^2", "m": "kg"}, "s", ["l", "g", "m"])
    assert a0.tolist() == [HALF, -HALF, 0] and basis.shape == (3, 0)


def test_drag_has_one_free_number():
    units = CASES[1][0]
    _, basis = consistent_exponents(units, "N", list(units))
    # The Reynolds number rho v d / mu, or its inverse.
    assert basis[:, 0].tolist() in ([1, 1, 1, -1], [-1, -1, -1, 1])


@pytest.mark.slow
def test_order_of_columns():
    units = CASES[1][0]
    for names in itertools.permutations(units):
        a0, _ = consistent_exponents(units, "N", names)
        assert law_units(Law(names, "F", [a0], [1.0]), units, "N").consistent


def test_no_consistent_exponents():
    with pytest.raises(ValueError, match="no column has time in it; got 's'"):
        consistent_exponents({"l": "m", "m": "kg"}, "s", ["l", "m"])
    with pytest.raises(ValueError, match="in other proportions only; got 'm'"):
        consistent_exponents({"v": "m/s"}, "m", ["v"])
    with pytest.raises(ValueError, match="no column has mass or time in it"):
        consistent_exponents({"l": "m"}, "N", ["l"])
    for power in (0, 0.5):
        with pytest.raises(ValueError, match="power must be a Fraction other than 0"):
            consistent_exponents({"l": "m"}, "m", ["l"], power)
