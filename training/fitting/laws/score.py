"""Is it the law? SRBench's rule, with exact exponents and constants within a tolerance."""

import math
from typing import NamedTuple

import numpy as np
import sympy

from training.fitting.laws import forms
from training.fitting.laws.forms import Form, Terms
from training.fitting.laws.sample import evaluate, sample
from training.fitting.laws.table import Equation, symbol
from weirdonetworks import _checks

TOLERANCE = 0.05

# The highest power to which one side is raised when both are roots of signomials.
_HIGHEST_POWER = 8
# For what is no signomial to a power: longer differences are not simplified.
_LONGEST = 60


class Verdict(NamedTuple):
    """What a model has of a law.

    Attributes:
      solved: it is the law.
      same_terms: it has the law's exponents and no others, whatever its constants.
    """

    solved: bool
    same_terms: bool


_WRONG = Verdict(False, False)


def score(model: sympy.Expr, equation: Equation, tolerance: float = TOLERANCE) -> Verdict:
    """Whether a model is the law up to an additive or up to a multiplicative constant.

    SRBench's rule: after simplification, model - law is a constant, or model / law is one other
    than 0. Both are brought to the normal form sign (sum_k c_k prod_i x_i^a_ki)^root of
    `forms.form`, each raised to the power at which the roots agree, and compared term by term:

    * The exponents must be the same, exactly: a float counts as a fraction if it is one to 1e-12.
      A term too many or too few is wrong, however small.
    * Additive: the constant term is free, and each other c_k / c_k(law) is within
      1 -+ tolerance. A constant beside a root is free, too.
    * Multiplicative: all c_k / c_k(law) have one sign and are within a factor 1 -+ tolerance of
      the middle of their range. A monomial's constant is therefore free, as it is in SRBench.

    No allowance is made for constants that noise makes hard to estimate: these are not solved, but
    `same_terms` tells that only they are wrong. A model that is no such form is not a law that is
    one. For other laws SymPy must find the difference or the ratio constant, with floats rounded to
    three digits as in SRBench. Symbols are identified by their names and taken as positive.

    Source: La Cava et al. 2021, "Contemporary symbolic regression methods and their relative
    performance".

    Raises:
      ValueError: a tolerance outside [0, 1).
    """
    _checks.number("tolerance", tolerance, 0, 1, open_high=True)
    model = sympy.sympify(model)
    model = model.xreplace({s: symbol(s.name) for s in model.free_symbols})
    law = equation.expression
    (own_form, own_offset), (law_form, law_offset) = _form(model), _form(law)
    verdict = _WRONG
    if law_form is not None and own_form is not None:
        verdict = _compare(law_form, own_form, own_offset or law_offset, tolerance)
    if not verdict.solved and (law_form is None or law_offset) and _same(model, equation):
        return Verdict(True, True)
    return verdict


def _form(expression: sympy.Expr) -> tuple[Form | None, bool]:
    """The normal form, or else that of the expression less its constant, and whether it is that."""
    form = forms.form(expression)
    constant, rest = expression.as_coeff_Add()
    if form is not None or constant == 0:
        return form, False
    return forms.form(rest), True


def _compare(law: Form, model: Form, offset: bool, tolerance: float) -> Verdict:
    ratio = law.root / model.root
    if ratio <= 0 or max(ratio.numerator, ratio.denominator) > _HIGHEST_POWER:
        return _WRONG
    expected = forms.power(law.terms, ratio.numerator)
    actual = forms.power(model.terms, ratio.denominator)
    if expected is None or actual is None:
        return _WRONG
    scaled = not offset and expected.keys() == actual.keys()
    if law.root == model.root == 1:
        moved = _without_constant(expected).keys() == _without_constant(actual).keys()
        expected_part, actual_part = _without_constant(expected), _without_constant(actual)
    else:
        moved = expected.keys() == actual.keys() and law.sign == model.sign
        expected_part, actual_part = expected, actual
    solved = (scaled and _proportional(expected, actual, tolerance)) or (
        moved and _equal(expected_part, actual_part, tolerance)
    )
    return Verdict(solved, scaled or moved)


def _without_constant(terms: Terms) -> Terms:
    return {powers: coefficient for powers, coefficient in terms.items() if powers}


def _ratios(expected: Terms, actual: Terms) -> list[float]:
    """c_k / c_k(law), infinite beyond all floats."""
    ratios = []
    for powers, coefficient in expected.items():
        try:
            ratios.append(float(actual[powers] / coefficient))
        except OverflowError:
            ratios.append(math.inf)
    return ratios


def _proportional(expected: Terms, actual: Terms, tolerance: float) -> bool:
    ratios = _ratios(expected, actual)
    middle = (max(ratios) + min(ratios)) / 2
    return max(ratios) - middle <= tolerance * abs(middle)


def _equal(expected: Terms, actual: Terms, tolerance: float) -> bool:
    ratios = _ratios(expected, actual)
    return bool(ratios) and all(abs(ratio - 1) <= tolerance for ratio in ratios)


def _same(model: sympy.Expr, equation: Equation) -> bool:
    """Whether SymPy finds the difference or the ratio constant."""
    law = equation.expression
    if model.has(sympy.Function) != law.has(sympy.Function) or model.count_ops() > _LONGEST:
        return False
    floats = model.atoms(sympy.Float)
    rounded = model.xreplace({f: sympy.Rational(f"{float(f):.3g}") for f in floats})
    if rounded.is_number or rounded.has(sympy.nan, sympy.zoo, sympy.oo, sympy.I):
        return False
    return any(_is_constant(change, equation) for change in (rounded - law, rounded / law))


def _is_constant(expression: sympy.Expr, equation: Equation) -> bool:
    """Numbers refute it, which is quick, and SymPy proves it."""
    if not {s.name for s in expression.free_symbols} <= set(equation.variables):
        return False
    values = evaluate(equation, sample(equation, 20).x.to_numpy(), expression)
    values = values[np.isfinite(values)]
    if not len(values) or np.ptp(values) > 1e-6 * np.max(np.abs(values)):
        return False
    form = forms.form(expression)
    return (form is not None and list(form.terms) == [()]) or sympy.simplify(expression).is_number
