"""Estimators with the interface of the real one, quick and simple."""

import numpy as np
import sympy


class Monomial:
    """y = +-exp(b) prod_i x_i^a_i by log-linear least squares, a rounded to halves."""

    def fit(self, x, y):
        self.sign = np.sign(np.median(y))
        positive = self.sign * y > 0
        if not np.any(positive):
            raise ValueError("y must not be\n0 in the middle")
        logarithms, target = np.log(x.to_numpy()[positive]), np.log(self.sign * y[positive])
        design = np.column_stack([logarithms, np.ones(len(target))])
        solution = np.linalg.lstsq(design, target, rcond=None)[0]
        self.exponents = np.round(2 * solution[:-1]) / 2
        self.factor = self.sign * np.exp(np.mean(target - logarithms @ self.exponents))
        self.names = list(x.columns)
        residual = self.predict(x) - y
        self.status_ = "exact" if np.max(np.abs(residual)) < 1e-9 * np.std(y) else "approximate"
        return self

    def predict(self, x):
        return self.factor * np.prod(x.to_numpy() ** self.exponents, axis=1)

    def to_sympy(self):
        powers = zip(self.names, self.exponents, strict=True)
        return float(self.factor) * sympy.Mul(*(sympy.Symbol(n) ** float(a) for n, a in powers))


class Refuses:
    """Fits nothing."""

    def fit(self, x, y):
        raise ValueError("X must be\nsomething else, got this")


class Breaks:
    """Has a fault."""

    def fit(self, x, y):
        raise KeyError("a fault of the program")
