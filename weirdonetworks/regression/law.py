"""A law: what a regressor finds, and the forms in which it is said."""

import dataclasses
import math
import numbers
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sonnet as snt
import sympy

from weirdonetworks.regression import layer, program, text


@dataclasses.dataclass(frozen=True, eq=False)
class Law:
    """y = sign (sum_k c_k prod_i x_i^a_ki)^(1/p) for x > 0.

    Where p != 1 and the sum z is <= 0 there is no real root in general. Such rows have a value by
    definition: y = 0 for p > 0, the limit from the side where the root exists, and NaN for p < 0.

    Attributes:
      names: of the features x_i.
      target: the name of y.
      exponents: a, [terms][features], a Fraction where the data support one, else a float.
      coefficients: c, [terms], real and not 0; all > 0 for a posynomial. At least one is > 0 for
        p != 1. The array is a copy and cannot be written to.
      power: p, a Fraction other than 0; 1 unless y^p is the signomial.
      sign: 1 or -1; y is -1 times a root only for p != 1 (for p = 1 the coefficients carry it).

    Raises ValueError if one of them is not so.
    """

    names: tuple[str, ...]
    target: str
    exponents: tuple[tuple[Fraction | float, ...], ...]
    coefficients: np.ndarray
    power: Fraction = Fraction(1)
    sign: int = 1

    def __post_init__(self):
        names = tuple(self.names)
        if not names or len(set(names)) < len(names) or not all(map(_is_name, names)):
            raise ValueError(f"names must be different nonempty strings, got {self.names!r}")
        if not _is_name(self.target):
            raise ValueError(f"target must be a nonempty string, got {self.target!r}")
        exponents = tuple(tuple(_exponent(a) for a in row) for row in self.exponents)
        if not exponents or any(len(row) != len(names) for row in exponents):
            raise ValueError(
                f"exponents must be rows of {len(names)} numbers, one a feature, "
                f"got {self.exponents!r}"
            )
        coefficients = np.array(self.coefficients, np.float64)
        if coefficients.shape != (len(exponents),) or not np.all(
            np.isfinite(coefficients) & (coefficients != 0)
        ):
            raise ValueError(
                f"coefficients must be {len(exponents)} finite numbers other than 0, one a term, "
                f"got {self.coefficients!r}"
            )
        if not isinstance(self.power, numbers.Rational) or self.power == 0:
            raise ValueError(f"power must be a Fraction other than 0, got {self.power!r}")
        if self.sign not in (1, -1) or (self.power == 1 and self.sign != 1):
            raise ValueError(
                "sign must be 1 or -1, and 1 for power 1, where the coefficients carry it, "
                f"got {self.sign!r} for power {self.power}"
            )
        if self.power != 1 and not np.any(coefficients > 0):
            raise ValueError(
                f"coefficients must have one > 0 for power {self.power}: no root is real else, "
                f"got {self.coefficients!r}"
            )
        coefficients.flags.writeable = False
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "exponents", exponents)
        object.__setattr__(self, "coefficients", coefficients)
        object.__setattr__(self, "power", Fraction(self.power))

    @property
    def is_posynomial(self) -> bool:
        """Whether all coefficients are > 0."""
        return bool(np.all(self.coefficients > 0))

    def explicit(self) -> "Law":
        """The same law with p = 1, if it has a single term: (c x^a)^(1/p) = c^(1/p) x^(a/p)."""
        if self.power == 1 or len(self.coefficients) > 1:
            return self
        row = tuple(a / self.power for a in self.exponents[0])
        c = self.sign * self.coefficients ** float(1 / self.power)
        return Law(self.names, self.target, (row,), c)

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Returns y, [rows], for X > 0, [rows, features].

        In log space: a term may overflow or underflow where y does not. Where y does, it is
        infinite or 0.

        Raises ValueError for another number of features, or X that are not finite and > 0.
        """
        x = np.asarray(X, np.float64)
        if x.ndim != 2 or x.shape[1] != len(self.names):
            raise ValueError(f"X must be [rows, {len(self.names)}], got shape {x.shape}")
        bad = np.argwhere(~(np.isfinite(x) & (x > 0)))
        if len(bad):
            row, column = bad[0]
            raise ValueError(
                f"X must be finite and > 0, got {x[row, column]} in row {row} of "
                f"{self.names[column]!r}"
            )
        exponents = np.array(self.exponents, np.float64)
        log_terms = np.log(x) @ exponents.T + np.log(np.abs(self.coefficients))
        shift = np.max(log_terms, axis=1)
        z = np.exp(log_terms - shift[:, None]) @ np.sign(self.coefficients)
        with np.errstate(divide="ignore", over="ignore"):
            size = np.exp((shift + np.log(np.abs(z))) / float(self.power))
        if self.power == 1:
            return np.sign(z) * size
        return self.sign * np.where(z > 0, size, 0.0 if self.power > 0 else np.nan)

    def formula(self, digits: int = 6) -> str:
        """Returns a line such as "F = 6.674e-11*m1*m2/r**2", which Python and SymPy can read.

        Numbers that are no Fractions are rounded to `digits` digits; 17 keep them. A common factor
        is taken out where that is shorter, and a square root is sqrt(.). Names that Python would
        not take for a variable are spelled with underscores: "mass (kg)" mass_kg, "lambda" lambda_.

        Raises ValueError for digits that are not an integer >= 1.
        """
        return text.formula(self, digits)

    def to_sympy(self) -> sympy.Expr:
        """Returns y as an expression in positive symbols with the features' names as they are.

        Fractions are exact, all other numbers Floats. It has a complex value where the root is
        not real.
        """
        return text.to_sympy(self)

    def to_latex(self, digits: int = 6) -> str:
        r"""Returns a line such as F = \frac{6.674 \cdot 10^{-11} m_{1} m_{2}}{r^{2}}.

        A letter, or the name of a Greek one, with digits or an underscore behind it has a
        subscript; other names are upright, their special characters escaped.

        Raises ValueError for digits that are not an integer >= 1.
        """
        return text.to_latex(self, digits)

    def to_cvxpy(self, variables: Mapping[str, Any] | None = None) -> Any:
        """Returns y as an expression of disciplined geometric programming, for `solve(gp=True)`.

        `variables` maps the features' names to positive variables, parameters, constants or
        expressions of CVXPY; without it each feature in use is a `cvxpy.Variable(pos=True)` of its
        name, to be found in the expression's `variables()`.

        A posynomial and its roots with p > 0 are log-log convex: minimise them or bound them from
        above. With p < 0 they are log-log concave: maximise, or bound from below. A single term
        is both.

        Raises:
          ValueError: a negative coefficient or sign, other names than the law's, a variable that is
            not positive, or expressions with which y is neither log-log convex nor concave.
          ImportError: without CVXPY.
        """
        return program.to_cvxpy(self, variables)

    def to_layer(self, log_input: bool = False) -> snt.Module:
        """Returns the law as a built float64 layer, [batch, features] -> [batch, 1].

        For p = 1 it is a `PosynomialDense`, or a `SignomialDense` if a coefficient is negative or
        if they spread over more than e^38, which a `PosynomialDense` bounds. Otherwise a
        `LawModule`, which takes the root of one.

        A layer's floor is 1e-30 here: below it, features count as 1e-30. With `log_input` the
        layer takes log x, and no floor applies.
        """
        return layer.to_layer(self, log_input)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _exponent(value: Any) -> Fraction | float:
    if isinstance(value, numbers.Rational):
        return Fraction(value)
    if not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise ValueError(f"exponents must be Fractions or finite floats, got {value!r}")
    return float(value)
