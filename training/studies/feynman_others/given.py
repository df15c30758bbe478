"""The bound for accuracy: least squares by who knows the law, its constants aside."""

import numpy as np
import pandas as pd
import sympy
from scipy import optimize

from training.fitting.laws import forms
from training.fitting.laws.sample import evaluate
from training.fitting.laws.table import Equation, symbol


class GivenForm:
    """scipy's curve_fit of y = sign (sum_k t_k c_k prod_i x_i^a_ki)^root, begun at the truth.

    That is the law's normal form, whose powers a_k, root and constants c_k are given; the factors
    t_k are fitted, from 1. As the noise is Gaussian and of one size, this is maximum likelihood:
    without knowing c_k, none is expected to come much nearer. Where a sum falls below 0, which no
    root has, its absolute value is taken.
    """

    status_ = "none"

    def __init__(self, equation: Equation):
        """Raises ValueError for a law that is no signomial to a power."""
        self.form = forms.form(equation.expression, irreducible=True)
        if self.form is None:
            raise ValueError(
                f"equation must be a signomial to a power, got {equation.name} = {equation.formula}"
            )
        self.equation = equation

    def fit(self, x: pd.DataFrame, y: np.ndarray) -> "GivenForm":
        terms = self._terms(x)

        def law(_, *factors):
            return self._power(terms @ factors)

        self.factors, _ = optimize.curve_fit(law, None, y, p0=np.ones(terms.shape[1]))
        return self

    def predict(self, x: pd.DataFrame) -> np.ndarray:
        return self._power(self._terms(x) @ self.factors)

    def to_sympy(self) -> sympy.Expr:
        parts = zip(self.factors, self._parts(), strict=True)
        total = sympy.Add(*(float(t) * part for t, part in parts))
        return self.form.sign * total ** sympy.Rational(self.form.root)

    def _parts(self) -> list[sympy.Expr]:
        """c_k prod_i x_i^a_ki of each k."""
        return [
            c * sympy.Mul(*(symbol(name) ** sympy.Rational(a) for name, a in powers))
            for powers, c in self.form.terms.items()
        ]

    def _terms(self, x: pd.DataFrame) -> np.ndarray:
        return np.column_stack(
            [evaluate(self.equation, x.to_numpy(), part) for part in self._parts()]
        )

    def _power(self, total: np.ndarray) -> np.ndarray:
        if self.form.root == 1:
            return self.form.sign * total
        return self.form.sign * np.abs(total) ** float(self.form.root)


def constants_error(model: sympy.Expr, equation: Equation) -> float:
    """max_k |c_k / c_k(law) - 1| over the normal form; NaN if powers or root are not the law's."""
    law = forms.form(equation.expression, irreducible=True)
    found = forms.form(sympy.sympify(model))
    if law is None or found is None or found.root != law.root or found.sign != law.sign:
        return float("nan")
    if found.terms.keys() != law.terms.keys():
        return float("nan")
    return max(abs(float(found.terms[powers] / c) - 1) for powers, c in law.terms.items())
