"""Regression by posynomials and signomials: from a table of measurements to the law."""

import itertools
from collections.abc import Mapping, Sequence, Set
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from weirdonetworks import _checks
from weirdonetworks.regression import input_checks, units, verdict
from weirdonetworks.regression.discovery import Settings
from weirdonetworks.regression.exponent_space import Space
from weirdonetworks.regression.extrapolation import Extrapolation, extrapolation
from weirdonetworks.regression.noise_choice import discover, discover_robustly

_MOST_TERMS = 100
_MOST_POWERS = 100  # each is fitted
_MOST_COLUMNS = 1000  # the space of exponents is a square of them

if TYPE_CHECKING:
    import sonnet as snt
    import sympy

POWERS = (1, -1, 2, -2, 0.5, -0.5)
NOISE = ("absolute", "relative", "auto")
LOSSES = ("squared_error", "robust")
DIMENSIONS = ("check", "constrain")


class _Regressor(RegressorMixin, BaseEstimator):
    """What posynomial and signomial regression share."""

    def __init__(
        self,
        num_terms: int | None = None,
        max_terms: int = 12,
        rounding: str | int | None = "auto",
        powers: Sequence[float] = POWERS,
        noise: str = "auto",
        loss: str = "squared_error",
        units: Mapping[str, str] | None = None,
        target_units: str | None = None,
        dimensions: str = "check",
        validation_fraction: float = 0.25,
        random_state: int | np.random.RandomState | None = 0,
    ):
        self.num_terms = num_terms
        self.max_terms = max_terms
        self.rounding = rounding
        self.powers = powers
        self.noise = noise
        self.loss = loss
        self.units = units
        self.target_units = target_units
        self.dimensions = dimensions
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def _allows_signs(self) -> bool:
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags

    def fit(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any = None,
        y_error: Any = None,
    ) -> "_Regressor":
        """Finds the law y = f(X), [rows, features] and [rows].

        `sample_weight`, [rows]: 1 / variance of y (of log y where noise is relative) up to a common
        factor. Rows of weight 0 take no part. One of weight 2 is one measurement, not two.

        `y_error`, [rows] or one number: the standard deviations of y, in its units. They take the
        place of a model of the noise; errors of the law follow from them, larger ones where the
        residuals are larger than they say.

        Raises:
          ValueError: bad arguments; weights or errors that are not finite, of one sign and one a
            row; X that is not finite and > 0, or holds what is no number; y
            that is not finite, constant, or of both signs where the law cannot be; too few rows for
            one term; constant or collinear columns of log X; units that do not fit. Messages name
            columns and rows.
        """
        target = str(getattr(y, "name", None) or "y")
        x, y = input_checks.training_data(self, X, y)
        if x.shape[1] > _MOST_COLUMNS:
            raise ValueError(f"X must have at most {_MOST_COLUMNS} columns, got {x.shape[1]}")
        names = input_checks.names(self, x)
        settings = self._settings(names)
        table = input_checks.measurements(x, y, sample_weight, y_error)
        if table.measured and settings.noise != "auto":
            raise ValueError(
                f"noise must be 'auto' with y_error, which says what it is, got {settings.noise!r}"
            )
        x, y = table.x, table.y
        input_checks.check_columns(x, names, settings.space)
        robust = _checks.choice("loss", self.loss, LOSSES) == "robust"
        try:
            random_state = check_random_state(self.random_state)
        except (ValueError, TypeError):
            received = _checks.received(self.random_state)
            raise ValueError(
                f"random_state must be a seed, a RandomState or None, got {received}"
            ) from None
        generator = np.random.default_rng(random_state.randint(2**31))
        outliers = np.array([], int)
        # What is beyond all numbers is sorted out where numbers are compared.
        with np.errstate(all="ignore"):
            if robust:
                self.noise_, best, outliers = discover_robustly(table, settings, generator)
            else:
                self.noise_, best = discover(table, settings, generator)
            status, evidence = verdict.judge(best, len(outliers))
            self.deviations_ = best.deviations
        self.law_, self.coefficient_errors_, self.exponent_errors_ = best.law(names, target)
        self.free_exponents_ = best.freed.exponents
        self.status_ = status
        self.evidence_ = evidence | {"noise": self.noise_, "outliers": outliers.tolist()}
        inside = x[~np.isin(table.index, outliers)]
        self.box_ = inside.min(axis=0), inside.max(axis=0)
        self.units_ = None
        if self.units is not None:
            self.units_ = units.law_units(self.law_, self.units, self.target_units or "")
            self.evidence_["units"] = self.units_.message
        return self

    def _settings(self, names: Sequence[str]) -> Settings:
        most = _checks.integer("max_terms", self.max_terms, maximum=_MOST_TERMS)
        numbers = tuple(range(1, most + 1))
        if self.num_terms is not None:
            numbers = (_checks.integer("num_terms", self.num_terms, maximum=_MOST_TERMS),)
        if isinstance(self.rounding, str):
            if self.rounding != "auto":
                received = _checks.received(self.rounding)
                raise ValueError(
                    f"rounding must be 'auto', None or an integer >= 1, got {received}"
                )
        elif self.rounding is not None:
            _checks.integer("rounding", self.rounding, maximum=1_000_000)
        try:
            given = list(itertools.islice(self.powers, _MOST_POWERS + 1))
            if isinstance(self.powers, str | bytes | Set) or np.iscomplexobj(given):
                raise TypeError
            powers = tuple(Fraction(float(p)).limit_denominator(24) for p in given)
        except (TypeError, ValueError, OverflowError):
            powers = ()
        if len(powers) > _MOST_POWERS:
            raise ValueError(f"powers must be at most {_MOST_POWERS}, got more")
        if not powers or 0 in powers or len(set(powers)) < len(powers):
            raise ValueError(
                "powers must be different fractions other than 0 with denominators up to 24, "
                f"got {_checks.received(self.powers)}"
            )
        noise = _checks.choice("noise", self.noise, NOISE)
        _checks.choice("dimensions", self.dimensions, DIMENSIONS)
        _checks.number("validation_fraction", self.validation_fraction, 0.05, 0.5)
        space = Space(np.zeros(len(names)), np.eye(len(names)))
        constrained = self.dimensions == "constrain"
        if self.units is None and (constrained or self.target_units is not None):
            raise ValueError("units must be given with target_units, or dimensions='constrain'")
        if constrained and self.target_units is None:
            raise ValueError(
                "target_units must be given with dimensions='constrain' ('' for a pure number)"
            )
        if self.units is not None:
            units.dimension_matrix(self.units, names)
            if constrained:
                offset, basis = units.consistent_exponents(
                    self.units, self.target_units or "", names
                )
                space = Space(offset.astype(float), basis.astype(float))
        return Settings(
            numbers,
            self.rounding,
            powers,
            noise,
            space,
            self.validation_fraction,
            self._allows_signs(),
            self._charges_signs,
        )

    _charges_signs = True

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The law's values at X > 0, [rows, features] -> [rows]."""
        check_is_fitted(self, "law_")
        x = input_checks.features(self, X)
        return self.law_.predict(x)

    def formula(self, digits: int = 6) -> str:
        """The law in a line, such as "F = 0.25*m1*m2/r**2"; constants to so many digits."""
        check_is_fitted(self, "law_")
        return self.law_.formula(digits)

    def to_sympy(self) -> "sympy.Expr":
        """The law's right-hand side; symbols are positive and named like the columns."""
        check_is_fitted(self, "law_")
        return self.law_.to_sympy()

    def to_latex(self, digits: int = 6) -> str:
        """The law in LaTeX, with its left-hand side."""
        check_is_fitted(self, "law_")
        return self.law_.to_latex(digits)

    def to_cvxpy(self, variables: Mapping[str, Any] | None = None) -> Any:
        """The law as an expression for geometric programs; see `Law.to_cvxpy`."""
        check_is_fitted(self, "law_")
        return self.law_.to_cvxpy(variables)

    def to_layer(self, log_input: bool = False) -> "snt.Module":
        """The law as a Sonnet layer of the zoo, [batch, features] -> [batch, 1]."""
        check_is_fitted(self, "law_")
        return self.law_.to_layer(log_input)

    def extrapolates(self, X: Any) -> Extrapolation:  # noqa: N803
        """How far outside the box of the training rows each row of X lies."""
        check_is_fitted(self, "law_")
        x = input_checks.features(self, X)
        return extrapolation(x, *self.box_, self.law_.names)


class PosynomialRegressor(_Regressor):
    """Finds y = (sum_k c_k prod_i x_i^a_ki)^(1/p) with c > 0, from measurements x > 0 and y.

    The number of terms K, the power p, all exponents and constants come from the data; exponents as
    fractions where the data support it.

    1. Search, on the training rows: for each p, least squares of y by Levenberg and Marquardt with
       terms added one at a time at starting points that explain the residuals best, up to eight,
       and exchanged where another lowers the error; sums of usual fractions, by matching pursuit
       (`lattice.pursuit`); polynomials of degree 2 of the features in which log y is not linear,
       times powers of the others, and such with negative powers; of few rows, sums of two monomials
       of simple exponents. It ends a term beyond the first law whose residuals show no structure.
       Two terms, and four, are looked for under all models of the noise before more are. Of more
       than 20,000 rows, so many are searched.
    2. Rounding: an exponent becomes a fraction where the odds of that against any real number are
       20 or more (`rounding.odds`), or where all exponents together have them; the others are
       fitted again. The odds of 0 are better where most exponents are 0.
    3. Choice, on the validation rows: of all whose squared errors are not larger than those of the
       best by more than three standard errors of the mean difference, whose training residuals
       show no obvious structure, and that lack nothing which a larger one explains, the law that
       takes the fewest bits to write down (`selection.complexity`). With fewer than 60 rows, each
       is predicted by a fit without its tenth of the rows, and what it predicts worse than the best
       counts in bits as well.
    4. The constants, and exponents that are not fractions, are fitted to all rows, and rounded
       where these support it. Fractions that all rows do not support are free again.
    5. The noise is examined: whether the residuals are of one size, in units of the noise model,
       against y and each column, and symmetric (`noise.examine`).

    Arguments:
      num_terms: K, if it is to be fixed; terms that are not significant are left out all the same.
      max_terms: up to which K is chosen. Terms are added one at a time up to eight; beyond, they
        are those of polynomials. `evidence_["reason"]` says where the limit was reached.
      rounding: "auto" as above; an integer d for multiples of 1/d; None for none.
      powers: the p to try.
      noise: "absolute", errors of y with one standard deviation: least squares of y; "relative", of
        log y: then y must be > 0, or < 0, throughout; "auto": the one of the better AICc
        (Hurvich and Tsai 1989), with Gaussian noise of y or of log y; where both fail the
        examination, errors with a part of one size and one in proportion to y ("mixed").
      loss: "squared_error", of all rows; "robust", of those that are no outliers
        (`noise_choice.discover_robustly`), which `evidence_` names.
      units, target_units: units of the columns by name, and of y, as pint understands them.
      dimensions: "check" reports whether all constants are dimensionless (`units_`); "constrain"
        admits only exponents with which they are (Buckingham's theorem).
      signomial: whether coefficients may be negative, where a posynomial does not fit as well.
      validation_fraction: the share of the rows to validate on, in [0.05, 0.5].
      random_state: of the split and of starting points.

    Attributes:
      law_: the `Law`, with `exponents`, `coefficients`, `power`, `sign`.
      status_: "exact" (the residuals are at numerical precision), "consistent" (nothing speaks
        against the law, its noise model and its fractions) or "approximate" (something does, or
        there is too little data to tell); see `verdict.judge`.
      evidence_: what the status rests on: relative_error (RMS of the residuals to that of y),
        validation_error, p_value and test of structure, noise_p_value and noise_test, chi_square
        (with errors that were given, a degree of freedom), further_term (the p-value of what a
        larger law explains), effective_rows (by how many rows each parameter is held), rows,
        parameters, outliers (numbers of rows), reason, noise, units.
      noise_: "absolute", "relative", "mixed" or "measured".
      exponent_errors_, coefficient_errors_: standard errors, [terms, features] and [terms], under
        the noise model. Those of a fraction are of the exponent that it would have free; those of
        constants hold what the doubt about the fractions leaves open.
      free_exponents_: what the exponents would be, were all of them free, to first order; the law
        shows the fractions.
      deviations_: standard deviations of y in the rows of the fit, as the noise model has them.
      units_: a `LawUnits`, or None without units.
      box_: the least and largest values of the columns in the rows that were fitted, which outliers
        of a robust fit are not.

    y of both signs, which noise alone may cause, is fitted as it is; if values of the lesser sign
    hold more than 2 % of the sum of squares, only p = 1 is tried, and the law must be a signomial.

    Source: Boyd, Kim, Vandenberghe and Hassibi 2007, "A tutorial on geometric programming"; for the
    law as the aim, Udrescu and Tegmark 2020, "AI Feynman". Ours searches a smaller family.

    >>> import numpy as np
    >>> from weirdonetworks.regression import PosynomialRegressor
    >>> x = np.random.default_rng(0).uniform(1, 5, (60, 2))
    >>> found = PosynomialRegressor().fit(x, 3 * x[:, 0] ** 2 / x[:, 1])
    >>> print(found.law_, found.status_)
    y = 3*x0**2/x1 exact
    """

    def __init__(
        self,
        num_terms: int | None = None,
        max_terms: int = 12,
        rounding: str | int | None = "auto",
        powers: Sequence[float] = POWERS,
        noise: str = "auto",
        loss: str = "squared_error",
        units: Mapping[str, str] | None = None,
        target_units: str | None = None,
        dimensions: str = "check",
        signomial: bool = True,
        validation_fraction: float = 0.25,
        random_state: int | np.random.RandomState | None = 0,
    ):
        super().__init__(
            num_terms=num_terms,
            max_terms=max_terms,
            rounding=rounding,
            powers=powers,
            noise=noise,
            loss=loss,
            units=units,
            target_units=target_units,
            dimensions=dimensions,
            validation_fraction=validation_fraction,
            random_state=random_state,
        )
        self.signomial = signomial

    def _allows_signs(self) -> bool:
        return _checks.flag("signomial", self.signomial)


class SignomialRegressor(_Regressor):
    """`PosynomialRegressor` with coefficients of any sign, none of which is preferred.

    y = (sum_k c_k prod_i x_i^a_ki)^(1/p) with real c; arguments and attributes are the same, but
    for `signomial`.
    """

    _charges_signs = False
