"""Which candidate is the law: the simplest that predicts rows it has not seen as well as any."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from weirdonetworks.regression import fitting, rounding
from weirdonetworks.regression.diagnostics import LEVEL
from weirdonetworks.regression.fitting import Data, Model, error

# Standard errors of the mean difference of squared errors by which a candidate may be worse.
_ERRORS = 3.0
_OBVIOUS = 1e-4
# Bits that a number costs which is not a fraction.
_FLOAT_BITS = 12.0


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """A fitted model, its residuals in rows that it was not fitted to, and the p-value of structure
    in those that it was fitted to."""

    model: Model
    residuals: np.ndarray
    p_value: float = 1.0

    @property
    def mean_square(self) -> float:
        value = float(np.mean(np.square(self.residuals)))
        return value if np.isfinite(value) else np.inf


def complexity(model: Model, charged: bool = True) -> float:
    """Bits to write the law down: exponents, signs, terms and power; constants count alike.

    An exponent p/q costs log2((1 + |p|) q^2) + 1 bits, one that is 0 nothing, a float 12; a term
    4, a power other than 1 costs 2, and a negative coefficient 1 where signs are `charged`.
    """
    bits = 4.0 * model.num_terms + (2.0 if model.power != 1 else 0.0)
    bits += charged * np.sum(model.c < 0)
    for row in model.known:
        for exponent in row:
            if exponent is None:
                bits += _FLOAT_BITS
            elif exponent:
                bits += np.log2((1 + abs(exponent.numerator)) * exponent.denominator**2) + 1
    return float(bits)


def select(candidates: Sequence[Candidate], floor: float, charged: bool = True) -> Candidate:
    """The least complex of those that do not predict significantly worse than the best.

    Those with obvious structure in their training residuals (p < 1e-4) count only if all have it,
    and a p-value below 1 % adds log2(0.01 / p) bits to the complexity.

    Significantly: the squared residuals on the validation rows are larger by more than three
    standard errors of their mean difference, row by row. Below `floor`, an RMS of residuals at
    numerical precision, there are no differences.
    """
    best = min(candidates, key=lambda candidate: candidate.mean_square)
    good = [c for c in candidates if not worse(c, best, floor)]
    good = [c for c in good if c.p_value >= _OBVIOUS] or good
    return min(good, key=lambda c: (complexity(c.model, charged) + surprise(c), c.mean_square))


def surprise(candidate: Candidate) -> float:
    """Bits by which the p-value of structure is below the level: what the law leaves unsaid."""
    return float(np.log2(LEVEL / np.clip(candidate.p_value, 1e-300, LEVEL)))


def worse(candidate: Candidate, best: Candidate, floor: float) -> bool:
    """Whether a candidate predicts significantly worse than the best one."""
    if candidate.mean_square <= floor**2:
        return False
    difference = np.square(candidate.residuals) - np.square(best.residuals)
    if not np.all(np.isfinite(difference)):
        return True
    mean = float(np.mean(difference))
    return mean > _ERRORS * float(np.std(difference)) / np.sqrt(len(difference)) and mean > 0


def variants(model: Model, data: Data, rounded: str | int | None, structured: bool) -> list[Model]:
    """The model with free exponents, and with those rounded.

    "auto": at the fractions that the data support and, where the floats that are left are all near
    halves for their small errors, those at halves, too; an integer d: all at multiples of 1/d;
    None: as they are.
    """
    if rounded is None:
        return [model]
    if rounded == "auto":
        result = [model, rounding.round_exponents(model, data, 2 if structured else 6)]
        if structured:
            return result
        if rounding.unknown(result[-1]) and rounding.all_near_halves(result[-1], data):
            result.append(force(result[-1], data, 2))
    else:
        result = [force(model, data, rounded)]
    return [pruned(each, data) for each in result]


def force(model: Model, data: Data, denominator: int) -> Model:
    """All exponents at multiples of 1/d, the most certain ones first, with refits in between."""
    while left := rounding.unknown(model):
        _, variances = fitting.covariance(model, data)
        distance = {
            (k, i): abs(model.a[k, i] - float(_nearest(model.a[k, i], denominator)))
            + np.sqrt(variances[k, i])
            for k, i in left
        }
        chosen = sorted(left, key=distance.get)[: max(1, len(left) // 3)]
        for k, i in chosen:
            model = rounding.fix(model, k, i, _nearest(model.a[k, i], denominator))
        model = fitting.fit(model, data)
    return model


def _nearest(value: float, denominator: int) -> Fraction:
    return Fraction(round(value * denominator), denominator)


def pruned(model: Model, data: Data) -> Model:
    """Without terms whose coefficient is insignificant, and with equal terms taken together."""
    while model.num_terms > 1:
        merged = _merged(model)
        if merged is not None:
            model = fitting.fit(merged, data)
            continue
        cov, _ = fitting.covariance(model, data)
        errors = np.sqrt(np.diag(cov))
        significance = np.abs(model.c) / np.maximum(errors, 1e-300)
        least = int(np.argmin(significance))
        if error(model, data) <= fitting.PRECISION:
            # Rounding errors are no noise: what is not needed for the precision goes.
            share = np.mean(np.abs(model.c * model.terms(data.u)), axis=0)
            without = fitting.fit(_without(model, int(np.argmin(share))), data)
            if error(without, data) > fitting.PRECISION:
                break
            model = without
            continue
        if significance[least] > 3 or not np.isfinite(errors[least]):
            break
        without = fitting.fit(_without(model, least), data)
        if error(without, data) ** 2 > error(model, data) ** 2 * (1 + 10 / len(data.y)):
            break
        model = without
    return model


def _without(model: Model, term: int) -> Model:
    kept = [k for k in range(model.num_terms) if k != term]
    return dataclasses.replace(
        model,
        c=model.c[kept],
        a=model.a[kept],
        bases=tuple(model.bases[k] for k in kept),
        known=tuple(model.known[k] for k in kept),
    )


def _merged(model: Model) -> Model | None:
    for first in range(model.num_terms):
        for second in range(first + 1, model.num_terms):
            same = model.known[first] == model.known[second] and None not in model.known[first]
            if same and model.c[first] + model.c[second] != 0:
                c = model.c.copy()
                c[first] += c[second]
                return _without(dataclasses.replace(model, c=c), second)
    return None
