"""What a formula of floats may mean: its numbers at few digits."""

from collections.abc import Callable, Iterator
from fractions import Fraction

import sympy

# Smaller numbers count as 0, as in SRBench.
LEAST = 1e-4
# The highest denominator of an exponent that was a float.
_HIGHEST_DENOMINATOR = 8


def readings(model: sympy.Expr) -> Iterator[sympy.Expr]:
    """The model with floats below 1e-4 as 0, others at three digits, in each of two ways.

    Three decimals, as SRBench has it, and three significant digits, which spare small constants.
    Exponents that are floats become the nearest fractions with denominators up to 8. What then
    divides by 0 is left out.
    """
    exponents = {
        power: power.base ** sympy.Rational(_near(float(power.exp)))
        for power in model.atoms(sympy.Pow)
        if power.exp.is_Float
    }
    model = model.xreplace(exponents)
    for write in ("{:.3f}", "{:.3g}"):
        numbers = {f: _number(float(f), write.format) for f in model.atoms(sympy.Float)}
        found = model.xreplace(numbers)
        if not found.has(sympy.zoo, sympy.oo, -sympy.oo, sympy.nan):
            yield found


def _near(exponent: float) -> Fraction:
    return Fraction(exponent).limit_denominator(_HIGHEST_DENOMINATOR)


def _number(value: float, write: Callable[[float], str]) -> sympy.Number:
    return sympy.Integer(0) if abs(value) < LEAST else sympy.Float(write(value))
