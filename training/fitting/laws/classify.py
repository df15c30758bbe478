"""Which laws are signomials, or fixed powers of signomials: SymPy decides."""

import functools
from fractions import Fraction
from typing import NamedTuple

from training.fitting.laws.forms import form
from training.fitting.laws.table import Equation

CLASSES = ("monomial", "posynomial", "signomial", "power", "outside")


class Class(NamedTuple):
    """What a law y = f(x) is for positive x.

    Attributes:
      name: "monomial", c prod_i x_i^a_i with c of any sign; "posynomial", a sum of several with
        c > 0; "signomial", with c of both signs; "power", y^p is one of these for a fixed p other
        than 1, and y is none; or "outside".
      power: p such that y^p is a signomial up to its sign; None outside.
      terms: of that signomial; None outside.
    """

    name: str
    power: Fraction | None = None
    terms: int | None = None


@functools.cache
def classify(equation: Equation) -> Class:
    """The class of a law, from its formula and from nothing else."""
    law = form(equation.expression, irreducible=True)
    if law is None:
        return Class("outside")
    terms = len(law.terms)
    if law.root != 1:
        return Class("power", 1 / law.root, terms)
    if terms == 1:
        return Class("monomial", Fraction(1), 1)
    positive = all(coefficient > 0 for coefficient in law.terms.values())
    return Class("posynomial" if positive else "signomial", Fraction(1), terms)
