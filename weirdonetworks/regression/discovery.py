"""One search for a law, under one model of the noise."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from weirdonetworks.regression import fitting, search, selection
from weirdonetworks.regression.diagnostics import structure
from weirdonetworks.regression.exponent_space import Space
from weirdonetworks.regression.fitting import Data, Model
from weirdonetworks.regression.input_checks import least_rows
from weirdonetworks.regression.law import Law
from weirdonetworks.regression.selection import Candidate

# With fewer rows, or too few beside those held out, each is predicted by a fit without its fold in
# place of a fit to the others.
_FEW_ROWS = 60
_FOLDS = 10
# How many candidates are rounded and compared, at most.
_FINALISTS = 8
# Of which these have structure in their residuals.
_APPROXIMATE = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Settings:
    """The arguments of a regressor, checked."""

    term_numbers: tuple[int, ...]
    rounding: str | int | None
    powers: tuple[Fraction, ...]
    noise: str
    space: Space
    validation_fraction: float
    signs: bool
    charged: bool


class Discovery:
    """Searches, rounds and chooses: `model` is the law for the centred and scaled `data`.

    Attributes:
      validation_error: the RMS of the validation residuals, relative to that of y.
      criterion: AICc / n of y under this noise, up to a constant; smaller is better.
    """

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        sign: int,
        relative: bool,
        settings: Settings,
        generator: np.random.Generator,
    ):
        log_x = np.log(x)
        self._center = log_x.mean(axis=0)
        largest = np.abs(y).max()  # of which the square need not be a number
        self._scale = float(largest * np.sqrt(np.mean(np.square(y / largest))))
        self._sign = sign or 1
        self._settings = settings
        self.data = Data(log_x - self._center, self._sign * y / self._scale, relative)
        order = generator.permutation(len(y))
        held = round(settings.validation_fraction * len(y))
        if len(y) < max(_FEW_ROWS, held + least_rows(settings.space, min(settings.term_numbers))):
            held = 0
        self._validation = self.data.rows(order[:held])
        self._train = self.data.rows(order[held:])
        chosen = self._choose(sign, generator)
        self.validation_error = float(np.sqrt(chosen.mean_square)) / self.data.scale
        self.model = fitting.fit(chosen.model, self.data)
        spread = fitting.rms(self.model.residuals(self.data)) / self.data.scale
        self.criterion = 2 * np.log(max(spread, fitting.PRECISION))
        if relative:
            self.criterion += 2 * float(np.mean(np.log(np.abs(self.data.y))))
        number = self.model.num_parameters + 1  # and the size of the noise
        self.criterion += 2 * number / max(len(y) - number - 1, 0.5)

    def _choose(self, sign: int, generator: np.random.Generator) -> Candidate:
        settings, train = self._settings, self._train
        powers = settings.powers if sign else tuple(p for p in settings.powers if p == 1)
        models = list(
            search.candidates(
                train, settings.space, powers, settings.term_numbers, not settings.signs, generator
            )
        )
        if not models:
            raise ValueError(
                f"num_terms must be a number of terms that {len(self.data.y)} rows can determine "
                f"and the search reaches (1 to 4, or those of a polynomial), "
                f"got {settings.term_numbers}"
            )
        floor = fitting.PRECISION * train.scale
        free = sorted(
            (self._candidate(model) for model in models if fitting.is_real(model, self.data)),
            key=lambda candidate: candidate.mean_square,
        )
        finalists, approximate = [], 0
        for i, candidate in enumerate(free):
            rest = i >= _FINALISTS or selection.worse(candidate, free[0], floor)
            if rest and finalists:
                break
            model = fitting.fit(candidate.model, train, 200)
            structured = not search.done(model, train)
            approximate += structured
            if finalists and approximate > _APPROXIMATE:
                continue
            for variant in selection.variants(model, train, settings.rounding, structured):
                if fitting.is_real(variant, self.data):
                    finalists.append(self._with_p_value(self._candidate(variant)))
        if not finalists:
            raise ValueError(
                "y must be such that a root of a fitted sum is real in all rows, got none for "
                f"powers {[str(p) for p in powers]} and num_terms {settings.term_numbers}"
            )
        return selection.select(finalists, floor, settings.charged)

    def _candidate(self, model: Model) -> Candidate:
        if len(self._validation.y):
            return Candidate(model, model.residuals(self._validation))
        # A fit without each fold in turn.
        rows = len(self._train.y)
        residuals = np.empty(rows)
        # Residuals of a single term there are always, with one row in a fold if need be.
        few = model.num_terms == 1 and rows - -(-rows // _FOLDS) < model.num_parameters
        fold = np.arange(rows) % (rows if few else min(_FOLDS, rows))
        for i in range(fold.max() + 1):
            rest = self._train.rows(fold != i)
            if len(rest.y) < model.num_parameters:
                return Candidate(model, np.full(rows, np.inf))
            refitted = fitting.fit(model, rest)
            residuals[fold == i] = refitted.residuals(self._train.rows(fold == i))
        return Candidate(model, residuals)

    def _with_p_value(self, candidate: Candidate) -> Candidate:
        model, train = candidate.model, self._train
        if fitting.error(model, train) <= fitting.PRECISION:
            return candidate  # rounding errors have structure
        residuals = model.residuals(train)
        found = structure(train.u, residuals, model.num_parameters, neighbours=False)
        return dataclasses.replace(candidate, p_value=found.p_value)

    def law(self, names: Sequence[str], target: str) -> tuple[Law, np.ndarray, np.ndarray]:
        """The law in the units of the data, with the errors of coefficients and exponents."""
        model, p = self.model, float(self.model.power)
        log_factor = p * np.log(self._scale) - model.a @ self._center
        with np.errstate(over="ignore"):
            factor = np.exp(log_factor)
        if not np.all(np.isfinite(factor) & (factor > 0)):
            raise ValueError(
                "X must be in units in which the constants of the law are between 1e-300 and "
                f"1e300, got one of exp({log_factor[np.argmax(np.abs(log_factor))]:.0f})"
            )
        sign = self._sign
        c = model.c * factor
        if model.power == 1:
            c, sign = sign * c, 1
        exponents = tuple(
            tuple(float(a) if known is None else known for a, known in zip(*rows, strict=True))
            for rows in zip(model.a, model.known, strict=True)
        )
        law = Law(tuple(names), target, exponents, c, model.power, sign)
        raw = Data(self.data.u + self._center, self.data.y, self.data.relative)
        uncentred = dataclasses.replace(model, c=model.c * np.exp(-model.a @ self._center))
        cov, _ = fitting.covariance(uncentred, raw)
        free = dataclasses.replace(model, bases=(self._settings.space.basis,) * model.num_terms)
        _, variances = fitting.covariance(free, self.data)
        errors = np.sqrt(np.diag(cov)) * self._scale**p
        return law, errors, np.sqrt(variances)
