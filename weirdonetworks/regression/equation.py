"""An equation y = f(x), by its numbers: what a law is before it is said in any form."""

import dataclasses
import math
import numbers
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

_Self = TypeVar("_Self", bound="Equation")


@dataclasses.dataclass(frozen=True, eq=False)
class Equation:
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

    def explicit(self: _Self) -> _Self:
        """The same law with p = 1, if it has a single term: (c x^a)^(1/p) = c^(1/p) x^(a/p)."""
        if self.power == 1 or len(self.coefficients) > 1:
            return self
        row = tuple(a / self.power for a in self.exponents[0])
        c = self.sign * self.coefficients ** float(1 / self.power)
        return type(self)(self.names, self.target, (row,), c)

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


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _exponent(value: Any) -> Fraction | float:
    if isinstance(value, numbers.Rational):
        return Fraction(value)
    if not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise ValueError(f"exponents must be Fractions or finite floats, got {value!r}")
    return float(value)
