"""Units of a law: which its constants must carry, and which exponents make them pure numbers."""

import dataclasses
import math
import numbers
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import sympy

from weirdonetworks.regression import unit_algebra
from weirdonetworks.regression.equation import Equation
from weirdonetworks.regression.export import formulas


@dataclasses.dataclass(frozen=True)
class ConstantUnits:
    """What a coefficient of a law must carry for the law to hold in other units, too.

    Attributes:
      value: the coefficient, in the given units.
      unit: of the coefficient, made of the given units: target^p / prod_i unit_i^a_i.
      base_value: the coefficient in base units (SI).
      base_unit: "" if the coefficient is dimensionless; then `base_value` is the pure number.
      dimensionless: whether the term has the dimension of target^p by itself.
    """

    value: float
    unit: str
    base_value: float
    base_unit: str
    dimensionless: bool


@dataclasses.dataclass(frozen=True)
class LawUnits:
    """The units of a law's constants.

    Attributes:
      consistent: whether all constants are dimensionless. Another law may be right as well, but
        holds only with constants that are quantities, such as that of gravitation.
      constants: one for each term.
      readings: how the unit of each column and of the target was understood: its full name, its
        dimension and its size in base units.
      message: the same in words.
    """

    consistent: bool
    constants: tuple[ConstantUnits, ...]
    readings: Mapping[str, str]
    message: str


def dimension_matrix(
    units: Mapping[str, str], names: Sequence[str]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Returns the base dimensions, sorted, and their exponents, Fractions [names, dimensions].

    `units` maps the names to units of Pint, written as in "m/s**2", "m s-2" or "m·s⁻²"; "", "1"
    and "-" are dimensionless. More names than asked for are welcome. Dimensions know no scale: km
    and m are alike.

    Raises:
      ValueError: a name without a unit, a unit that Pint does not know or that is more often
        written for something else (AU, cfm, Nm), one whose zero is not the quantity's (degC: give
        kelvin, or delta_degC for differences), or a logarithmic one (dB).
      ImportError: without Pint.
    """
    return unit_algebra.matrix([unit_algebra.parse(units, name) for name in names])


def law_units(law: Equation, units: Mapping[str, str], target_units: str) -> LawUnits:
    """Returns the unit that each constant of the law must carry.

    The values of the law are numbers in the given units. So a dimensionless constant can still hold
    a conversion (km beside m): its `base_value` is the pure number. For y^p = sum_k c_k m_k, c_k
    has the unit of y^p / m_k. A float exponent of a column with a dimension makes the term
    inconsistent, unless all exponents add up to the powers needed, but for rounding (1e-9).

    Raises as `dimension_matrix` does.
    """
    parsed = [unit_algebra.parse(units, name) for name in law.names]
    target = unit_algebra.parse({law.target: target_units}, law.target, "target_units")
    constants = []
    for c, row in zip(law.coefficients, law.exponents, strict=True):
        unit = unit_algebra.product([target, *parsed], [law.power, *(-Fraction(a) for a in row)])
        factor, base = unit_algebra.in_base(unit)
        dimensionless = not unit_algebra.dimension(unit)
        constants.append(
            ConstantUnits(
                value=float(c),
                unit=unit_algebra.spell(unit),
                base_value=float(c) * factor,
                base_unit="" if dimensionless else unit_algebra.spell(base),
                dimensionless=dimensionless,
            )
        )
    consistent = all(constant.dimensionless for constant in constants)
    known = dict(zip([*law.names, law.target], [*parsed, target], strict=True))
    readings = {name: unit_algebra.describe(unit) for name, unit in known.items()}
    return LawUnits(consistent, tuple(constants), readings, _say(law, constants, readings))


def consistent_exponents(
    units: Mapping[str, str], target_units: str, names: Sequence[str], power: Fraction = Fraction(1)
) -> tuple[np.ndarray, np.ndarray]:
    """Returns all exponents that give a term the dimension of target^power (Buckingham's theorem).

    They are a = a0 + N t for real t: a0, Fractions [names], and N, Fractions [names, free], whose
    columns are vectors of coprime integers. Each column holds the exponents of a dimensionless
    product of the features. With no freedom left N is [names, 0].

    Source: Buckingham 1914, "On physically similar systems".

    Raises as `dimension_matrix` does, and:
      ValueError: no product of powers of the columns has the target's dimension.
    """
    if not isinstance(power, numbers.Rational) or power == 0:
        raise ValueError(f"power must be a Fraction other than 0, got {power!r}")
    names = tuple(names)
    parsed = [unit_algebra.parse(units, name) for name in names]
    target = unit_algebra.parse({"target_units": target_units}, "target_units", "target_units")
    bases, dimensions = unit_algebra.matrix([target, *parsed])
    matrix = sympy.Matrix(len(bases), len(names), lambda i, j: _rational(dimensions[j + 1, i]))
    wanted = sympy.Matrix(len(bases), 1, lambda i, _: _rational(power * dimensions[0, i]))
    reduced, pivots = matrix.row_join(wanted).rref()
    if len(names) in pivots:
        missing = [
            base
            for base, column in zip(bases, dimensions.T, strict=True)
            if column[0] and not any(column[1:])
        ]
        reason = (
            f"no column has {' or '.join(missing)} in it"
            if missing
            else "the columns hold its dimensions in other proportions only"
        )
        raise ValueError(
            f"target_units must be the unit of a product of powers of the columns {names}, but "
            f"{reason}; got {target_units!r}"
        )
    a0 = np.full(len(names), Fraction(0), object)
    for i, pivot in enumerate(pivots):
        a0[pivot] = _fraction(reduced[i, len(names)])
    basis = np.full((len(names), len(names) - len(pivots)), Fraction(0), object)
    for k, vector in enumerate(matrix.nullspace()):
        scale = math.lcm(*(int(v.q) for v in vector))
        divisor = math.gcd(*(int(v * scale) for v in vector))
        basis[:, k] = [_fraction(v) * scale / divisor for v in vector]
    return a0, basis


def _rational(value: Fraction) -> sympy.Rational:
    return sympy.Rational(value.numerator, value.denominator)


def _fraction(value: sympy.Rational) -> Fraction:
    return Fraction(int(value.p), int(value.q))


def _say(law: Equation, constants: Sequence[ConstantUnits], readings: Mapping[str, str]) -> str:
    lines = []
    for row, c in zip(law.exponents, constants, strict=True):
        term = formulas.formula(Equation(law.names, "c", (row,), np.ones(1))).removeprefix("c = ")
        if not c.dimensionless:
            lines.append(
                f"the constant {c.value:.6g} of {term} must carry {c.unit}, "
                f"in base units {c.base_value:.6g} {c.base_unit}"
            )
        elif not math.isclose(c.value, c.base_value, rel_tol=1e-9):
            lines.append(
                f"the constant {c.value:.6g} of {term} is for the given units and holds their "
                f"conversion: the pure number is {c.base_value:.6g}"
            )
    verdict = (
        "consistent: all constants are dimensionless"
        if all(c.dimensionless for c in constants)
        else "not consistent with dimensionless constants"
    )
    lines += [f"{name} is read as {reading}" for name, reading in readings.items()]
    return "; ".join([verdict, *lines])
