"""One search for a law, under one model of the noise."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from scipy import stats

from weirdonetworks.regression import fitting, rounding, search, selection
from weirdonetworks.regression import noise as noises
from weirdonetworks.regression.diagnostics import LEVEL, Finding, structure
from weirdonetworks.regression.exponent_space import Space
from weirdonetworks.regression.fitting import Data, Model
from weirdonetworks.regression.input_checks import least_rows
from weirdonetworks.regression.law import Law
from weirdonetworks.regression.rows import Measurements
from weirdonetworks.regression.selection import Candidate

_FOLDS = 10
# How many candidates are rounded and compared, at most.
_FINALISTS = 8
# Of which these have structure in their residuals.
_APPROXIMATE = 2
# Of more rows, so many are searched; the law is fitted to all, and judged on all.
_MANY = 20_000
# Of the logarithm of a constant's factor: some 1e300.
_LARGEST = 700.0


@dataclasses.dataclass(frozen=True, eq=False)
class Settings:
    """The arguments of a regressor, checked, and the number of terms up to which sums are grown."""

    term_numbers: tuple[int, ...]
    rounding: str | int | None
    powers: tuple[Fraction, ...]
    noise: str
    space: Space
    validation_fraction: float
    signs: bool
    charged: bool
    grown: int = search.GROWN


class Discovery:
    """Searches, rounds and chooses: `model` is the law for the centred and scaled `data`.

    Attributes:
      validation_error: the RMS of the validation residuals, relative to that of y.
      validation_p_value: that they are larger than the training residuals by chance (an F-test).
      gain: the p-value of what the best law of more terms explains beyond this one.
      limit: the largest number of terms, if the search came that far; else None.
      criterion: AICc / n of y under this noise, up to a constant; smaller is better.
      chi_square: the sum of squared residuals over the errors of y that were given, per degree of
        freedom; None without them.
      chi_p_value: that it is larger by chance; 1 without them.
      freed: what the fit would be with all exponents free.
      examination: of the noise.
    """

    def __init__(
        self,
        table: Measurements,
        sign: int,
        relative: bool,
        settings: Settings,
        generator: np.random.Generator,
        spread: np.ndarray | None = None,
    ):
        """`spread`, [rows]: a factor of the standard deviations besides those of the table."""
        y = table.y
        u, self._center = table.logs
        largest = np.abs(y).max()  # of which the square need not be a number
        self._scale = float(largest * np.sqrt(np.mean(np.square(y / largest))))
        self._sign = sign or 1
        self._settings = settings
        self._measured = table.measured
        self._own = table.deviation
        if table.measured:
            self._own = table.deviation / self._scale
        self.data = Data(u, self._sign * y / self._scale, relative)
        self._spread_by(spread)
        order = generator.permutation(len(y))[:_MANY]
        held = round(settings.validation_fraction * len(order))
        if len(y) < max(
            selection.FEW_ROWS, held + least_rows(settings.space, min(settings.term_numbers))
        ):
            held = 0
        self._validation = self.data.rows(order[:held])
        self._train = self.data.rows(order[held:])
        chosen = self._choose(sign, generator)
        self._validate(chosen)
        model = fitting.fit(chosen.model, self.data)
        if settings.rounding == "auto" and chosen.p_value >= LEVEL:
            model = rounding.round_exponents(model, self.data, selection.DENOMINATORS)
        self._settle(model)

    def _validate(self, chosen: Candidate) -> None:
        """What rows that were held out say of a model."""
        self.validation_error = float(np.sqrt(chosen.mean_square)) / self.data.scale
        self.validation_p_value = self._against_training(chosen)

    def _settle(self, model: Model) -> None:
        """Fractions that all rows do not support are fitted; the rest follows from that."""
        simplest = None
        while True:
            if simplest is None and (simplest := self._simplest(model)) is not None:
                model = simplest
                self._validate(self._candidate(fitting.fit(model, self._train)))
            self.model = model
            # Errors that are larger than they were said to be are not smaller for that.
            noise = self._sigma if self._measured else None
            freed = rounding.freed(model, self.data, self._settings.space, self._center, noise)
            doubtful = rounding.unsupported(model, freed)
            if self._settings.rounding != "auto" or not doubtful:
                break
            model = rounding.release(model, doubtful, self._settings.space)
            model = fitting.fit(model, self.data)
        self.freed = freed
        self.examination = noises.examine(model, self.data)
        freedom = max(1, len(self.data.y) - model.num_parameters)
        square = float(np.sum(np.square(model.residuals(self.data))))
        self.chi_square = square / freedom if self._measured else None
        self.chi_p_value = float(stats.chi2.sf(square, freedom)) if self._measured else 1.0
        self.criterion = noises.criterion(model, self.data)

    def _simplest(self, model: Model) -> Model | None:
        """A model that is exact now, without terms and digits that it does not need for that.

        What was grown to stand for the law may become the law in the last fit, with terms left over
        whose coefficients are rounding errors, or that cancel.
        """
        # Deviations that are those of rounding errors weigh rows by nothing.
        plain = dataclasses.replace(self.data, deviation=self._own)
        if self._settings.rounding != "auto" or not _is_exact(model, plain):
            return None
        simpler = selection.tidied(model, plain)
        if not simpler.num_terms or not _is_exact(simpler, plain):
            return None
        simpler = rounding.round_exponents(simpler, plain, selection.DENOMINATORS)
        simpler = selection.pruned(simpler, plain)
        return simpler if _is_exact(simpler, plain) else None

    @property
    def structure(self) -> Finding:
        """In the residuals of all rows."""
        data, model = self.data, self.model
        residuals = model.residuals(data)
        return structure(data.u, residuals, model.num_parameters, weights=data.weights)

    @property
    def effective_rows(self) -> float:
        """By how many rows each parameter is held, all exponents being free."""
        plain = dataclasses.replace(self.model, positive=False)
        return noises.effective_rows(search.freed(plain, self._settings.space), self.data)

    @property
    def is_enough(self) -> bool:
        """Whether nothing speaks for more terms, or another model of the noise."""
        if fitting.error(self.model, self.data) <= fitting.PRECISION:
            return not fitting.inexact_rows(self.model, self.data)
        found = self.structure.found or self.examination.found
        chances = self.gain, self.chi_p_value, self.validation_p_value
        return not found and min(chances) >= selection.BY_CHANCE

    @property
    def bits(self) -> float:
        """Of the law, and of y by what rows that were held out say of its error; but a constant."""
        model, data = self.model, self.data
        errors = np.sqrt(fitting.covariance(model, data)[1])
        own = selection.complexity(model, self._settings.charged, errors)
        ratio = self.validation_error / max(fitting.error(model, data), fitting.PRECISION)
        error = self.criterion + 2 * np.log(max(ratio, fitting.PRECISION))
        return own + len(data.y) / 2 * error / np.log(2)

    def _spread_by(self, spread: np.ndarray | None) -> None:
        self._spread = spread
        deviation = self._own if spread is None else spread * self.own
        self.data = dataclasses.replace(self.data, deviation=deviation)

    @property
    def own(self) -> np.ndarray:
        """The standard deviations of the table, [rows]; 1 where nothing is known of them."""
        return np.ones(len(self.data.y)) if self._own is None else self._own

    def respread(self) -> np.ndarray:
        """Fits the same law anew with the standard deviations of mixed noise, and returns these."""
        plain = dataclasses.replace(self.data, deviation=self._own)
        self._spread_by(noises.mixed_deviation(self.model, plain))
        self._settle(fitting.fit(self.model, self.data))
        return self._spread

    @property
    def _sigma(self) -> float:
        """The standard deviation of the residuals; of errors that were given, at least theirs."""
        square = float(np.sum(np.square(self.model.residuals(self.data))))
        sigma = np.sqrt(square / max(1, len(self.data.y) - self.model.num_parameters))
        return max(float(sigma), 1.0) if self._measured else float(sigma)

    @property
    def deviations(self) -> np.ndarray:
        """The standard deviations of y as the noise model has them, [rows]."""
        f = np.abs(self.model.predict(self.data.u)) if self.data.relative else 1.0
        return self._sigma * self._scale * f / self.data.weights

    def standardised(self, table: Measurements) -> np.ndarray:
        """Residuals of other rows in standard deviations of the fit's, [rows].

        Infinite where y has no logarithm that the noise asks for.
        """
        model, data = self.model, self.data
        y = self._sign * table.y / self._scale
        other = Data(np.log(table.x) - self._center, y, data.relative, table.deviation)
        # Rounding errors are no outliers.
        sigma = max(self._sigma, 10 * fitting.PRECISION * data.scale)
        if self._measured:
            other = dataclasses.replace(other, deviation=table.deviation / self._scale)
        elif self._spread is not None:
            # The variance of mixed noise is linear in f^2.
            design = np.column_stack([np.ones(len(data.y)), np.square(model.predict(data.u))])
            variance = np.linalg.lstsq(design, np.square(self._spread), rcond=None)[0]
            f = model.predict(other.u)
            spread = np.sqrt(np.maximum(variance[0] + variance[1] * np.square(f), 0))
            own = 1.0 if table.deviation is None else table.deviation
            other = dataclasses.replace(other, deviation=spread * own)
        with np.errstate(invalid="ignore", divide="ignore"):
            residuals = model.residuals(other) / sigma
        return np.nan_to_num(residuals, nan=np.inf)

    def _against_training(self, chosen: Candidate) -> float:
        """Held-out residuals in units of their own prediction errors, against the others."""
        if not len(self._validation.y):
            return 1.0
        model = dataclasses.replace(chosen.model, positive=False)
        if fitting.error(model, self._train) <= fitting.PRECISION:
            return 1.0
        residuals, jacobian = fitting.derivatives(model, self._train)
        left, outside = fitting.derivatives(model, self._validation)
        columns, size = fitting.scaled(jacobian)
        inverted, _ = fitting.inverse(columns)
        outside = outside / size
        spread = 1 + np.einsum("ij,jk,ik->i", outside, inverted, outside)
        second = len(residuals) - jacobian.shape[1]
        if second < 1:
            return 1.0
        ratio = np.mean(np.square(left) / spread) / (float(residuals @ residuals) / second)
        return float(stats.f.sf(ratio, len(left), second))

    def _choose(self, sign: int, generator: np.random.Generator) -> Candidate:
        settings, train = self._settings, self._train
        powers = settings.powers if sign else tuple(p for p in settings.powers if p == 1)
        models = list(
            search.candidates(
                train,
                settings.space,
                powers,
                settings.term_numbers,
                not settings.signs,
                generator,
                settings.grown,
            )
        )
        if not models:
            raise ValueError(
                f"num_terms must be a number of terms that {len(self.data.y)} rows can determine "
                f"and the search reaches (1 to {search.GROWN}, or those of a polynomial), "
                f"got {', '.join(map(str, settings.term_numbers))}"
            )
        models = [model for model in models if self._is_writable(model)] or models
        floor = fitting.PRECISION * train.scale
        free = sorted(
            (self._candidate(model) for model in models if fitting.is_real(model, self.data)),
            key=lambda candidate: candidate.mean_square,
        )
        finalists, approximate = [], 0
        for i, candidate in enumerate(free):
            rest = i >= _FINALISTS or selection.worse(candidate, free[0], floor)
            # A single term that predicts worse by chance is told by the rows of training.
            if rest and finalists and candidate.model.num_terms > 1:
                continue
            model = fitting.fit(candidate.model, train, 200)
            structured = not search.done(model, train)
            approximate += structured
            if finalists and approximate > _APPROXIMATE:
                continue
            for variant in selection.variants(model, train, settings.rounding, structured):
                variant = search.explicit(variant)
                if fitting.is_real(variant, self.data):
                    finalists.append(self._with_p_value(self._candidate(variant)))
        if not finalists:
            raise ValueError(
                "y must be such that a root of a fitted sum is real in all rows, got none for "
                f"powers {[str(p) for p in powers]} and num_terms {settings.term_numbers}"
            )
        chosen = selection.select(finalists, floor, settings.charged)
        larger = [other for other in finalists if other.model.num_terms > chosen.model.num_terms]
        self.gain = min((selection.gain(chosen, other) for other in larger), default=1.0)
        limit = min(settings.grown, max(settings.term_numbers))
        grown = [m.num_terms for m in models if any(basis.shape[1] for basis in m.bases)]
        self.limit = limit if max(grown, default=0) >= limit else None
        if (
            chosen.model.num_terms >= min(2, limit)
            and fitting.error(chosen.model, train) > fitting.PRECISION
        ):
            further = search.further_term(chosen.model, train, settings.space, generator)
            if further is not None:
                explained = selection.gain(chosen, self._with_p_value(Candidate(further, [])))
                self.gain = min(self.gain, explained)
        return chosen

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
        residuals = model.residuals(train)
        if fitting.error(model, train) <= fitting.PRECISION:  # rounding errors have structure
            square = float(residuals @ residuals)
            return dataclasses.replace(candidate, square=square, rows=len(residuals))
        found = structure(train.u, residuals, model.num_parameters, neighbours=False)
        return dataclasses.replace(
            candidate,
            errors=np.sqrt(fitting.covariance(model, train)[1]),
            p_value=found.p_value,
            square=float(residuals @ residuals),
            rows=len(residuals),
        )

    def _log_factors(self, model: Model) -> np.ndarray:
        """By what constants are larger in the units of the table, as logarithms, [terms]."""
        return float(model.power) * np.log(self._scale) - model.a @ self._center

    def _largest_log(self, model: Model) -> float:
        """Of the constants in the units of the table, and of what makes them so, the logarithm that
        is farthest from 0."""
        factors = self._log_factors(model)
        with np.errstate(divide="ignore"):
            logs = np.append(factors, factors + np.log(np.abs(model.c)))
        return float(logs[np.argmax(np.abs(logs))])

    def _is_writable(self, model: Model) -> bool:
        """Whether the constants are numbers in the units of the table."""
        return abs(self._largest_log(model)) < _LARGEST

    def law(self, names: Sequence[str], target: str) -> tuple[Law, np.ndarray, np.ndarray]:
        """The law in the units of the data, with the errors of coefficients and exponents."""
        model = self.model
        if not self._is_writable(model):
            raise ValueError(
                "X must be in units in which the constants of the law are between 1e-300 and "
                f"1e300, got one of exp({self._largest_log(model):.0f})"
            )
        factor = np.exp(self._log_factors(model))
        sign = self._sign
        c = model.c * factor
        if model.power == 1:
            c, sign = sign * c, 1
        exponents = tuple(
            tuple(float(a) if known is None else known for a, known in zip(*rows, strict=True))
            for rows in zip(model.a, model.known, strict=True)
        )
        law = Law(tuple(names), target, exponents, c, model.power, sign)
        return law, np.abs(c) * self.freed.c_errors, self.freed.errors


def _is_exact(model: Model, data: Data) -> bool:
    """Whether residuals are at numerical precision of y, by the size of all alike."""
    left = fitting.rms(data.y - model.predict(data.u))
    return left <= fitting.PRECISION * float(np.sqrt(np.mean(np.square(data.y))))
