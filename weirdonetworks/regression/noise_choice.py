"""The law under the likeliest model of the noise, of all rows or of those that are no outliers."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import stats
from sklearn.linear_model import QuantileRegressor

from weirdonetworks.regression import input_checks, noise
from weirdonetworks.regression.diagnostics import features
from weirdonetworks.regression.discovery import Discovery, Settings
from weirdonetworks.regression.rows import Measurements

# Of a row that is none to be called an outlier, over all rows.
_LEVEL = 0.01
# Numbers of terms that are looked for under all models of the noise, before more are.
_STAGES = (2, 4)
# Rows on which the first guess at the outliers is fitted.
_SOME = 2000
# Median of |z| of the normal distribution.
_MEDIAN = 0.6745


def discover(
    table: Measurements, settings: Settings, generator: np.random.Generator
) -> tuple[str, Discovery]:
    """The name of the noise model, "absolute", "relative", "mixed" or "measured", and the law.

    Of absolute and relative noise, that of the smaller AICc, if `settings.noise` leaves it open;
    mixed, where the residuals of both are not as they take them to be. A model of the noise under
    which no law can be fitted leaves the others. Laws of few terms are looked for under all models
    of the noise, and those of more terms only where none is enough: under a wrong one, no number of
    terms is. Where no number of terms is enough, the law of the fewest bits.

    Raises ValueError for y of a sign that the noise or the law cannot have, or if no model of the
    noise can be fitted.
    """
    sign = _sign(table.y, settings)
    models = [settings.noise]
    if table.measured:
        models = ["measured"]
    elif settings.noise == "auto":
        models = ["absolute", "relative"] if np.all(sign * table.y > 0) else ["absolute"]
    least, most = min(settings.term_numbers), max(settings.term_numbers)
    stages = []
    for grown in (*(stage for stage in _STAGES if least <= stage < most), settings.grown):
        own = dataclasses.replace(settings, grown=grown)
        name, found = _likeliest(table, sign, models, own, generator)
        if found.is_enough:
            found.limit = found.limit if grown == settings.grown else None
            return name, found
        stages.append((name, found))
    name, best = min(stages, key=lambda stage: stage[1].bits)
    best.limit = found.limit  # of the last stage
    return name, best


def _likeliest(
    table: Measurements,
    sign: int,
    models: Sequence[str],
    settings: Settings,
    generator: np.random.Generator,
) -> tuple[str, Discovery]:
    found, refused = {}, None
    for name in models:
        try:
            found[name] = Discovery(table, sign, name == "relative", settings, generator)
        except (ValueError, np.linalg.LinAlgError) as error:
            refused = refused or error
    if not found:
        raise refused
    best = min(found, key=lambda name: found[name].criterion)
    failed = all(each.examination.found for each in found.values())
    if failed and settings.noise == "auto" and not table.measured:
        found["mixed"] = _mixed(table, sign, found[best], settings, generator)
        best = min(found, key=lambda name: found[name].criterion)
    return best, found[best]


def discover_robustly(
    table: Measurements, settings: Settings, generator: np.random.Generator
) -> tuple[str, Discovery, np.ndarray]:
    """As `discover`, of the rows that are no outliers, and the numbers of those that are.

    An outlier's residual is larger, in units of the others' standard deviation, than that of any of
    so many normal ones in 99 % of tables. At first they are those far from a polynomial of degree 2
    of log x fitted to log y (arsinh y, if it is of both signs) by least absolute
    residuals; then those of the law, until they stay.

    Raises ValueError as `discover`, and if too few rows are left for a law.
    """
    kept = _inliers(_screened(table))
    for _ in range(10):
        rest = table.rows(kept)
        least = input_checks.least_rows(settings.space, min(settings.term_numbers))
        if len(rest.y) < least:
            raise ValueError(
                f"y must have at least {least} rows that are no outliers, got {len(rest.y)} of "
                f"{len(table.y)}"
            )
        name, found = discover(rest, settings, generator)
        before, kept = kept, _inliers(found.standardised(table))
        if np.array_equal(kept, before):
            break
    return name, found, table.index[~before]


def _inliers(z: np.ndarray) -> np.ndarray:
    """Rows whose residuals [rows], in standard deviations, are not too large for so many."""
    return np.abs(z) <= stats.norm.isf(_LEVEL / 2 / len(z))


def _sign(y: np.ndarray, settings: Settings) -> int:
    """1, -1, or 0 for y of both signs; raises ValueError where noise or law do not admit it."""
    if np.ptp(y) == 0:
        raise ValueError(f"y must not be constant (there is no law in it), got {y[0]} only")
    sign = input_checks.sign(y)
    relative = settings.noise == "relative" and not np.all(sign * y > 0)
    if relative or (sign == 0 and not settings.signs):
        what = "relative noise" if relative else "a posynomial without signs"
        raise ValueError(
            f"y must be of one sign for {what}, got values from {y.min():.6g} to {y.max():.6g}"
        )
    return sign


def _screened(table: Measurements) -> np.ndarray:
    """Residuals of least absolute ones, in robust standard deviations.

    Of both signs, what the others are not will be far off as well.
    """
    y, u = table.y, np.log(table.x)
    if np.ptp(y) == 0:
        return np.zeros(len(y))
    one_sign = np.all(y > 0) or np.all(y < 0)
    target = np.log(np.abs(y)) if one_sign else np.arcsinh(y / np.median(np.abs(y[y != 0])))
    columns = features(u, 2)
    if 3 * (columns.shape[1] + 1) > len(y):
        columns = features(u, 1)
    some = slice(0, _SOME)
    fitted = QuantileRegressor(quantile=0.5, alpha=0).fit(columns[some], target[some])
    residuals = target - fitted.predict(columns)
    # Rounding errors are no outliers.
    least = max(1e-9 * float(np.ptp(target)), 1e-300)
    return residuals / max(float(np.median(np.abs(residuals))) / _MEDIAN, least)


def _mixed(
    table: Measurements,
    sign: int,
    first: Discovery,
    settings: Settings,
    generator: np.random.Generator,
) -> Discovery:
    """The law for errors with a part of one size and one in proportion to y."""
    y = table.y
    spread = noise.mixed_deviation(first.model, first.data)
    if sign and np.any(sign * y <= 0):
        # Least squares of y alone may have missed the law where y is small.
        spread = np.hypot(y, np.abs(y[sign * y <= 0]).max())
        spread = spread / np.sqrt(np.mean(np.square(spread)))
    for _ in range(2):
        found = Discovery(table, sign, False, settings, generator, spread)
        for _ in range(3):
            new = found.respread()
        if np.ptp(np.log(new / spread)) < 1:
            break
        spread = new
    return found
