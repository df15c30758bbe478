"""Models of the noise: how large the errors of y are, and whether the residuals are so."""

import dataclasses

import numpy as np
from scipy import optimize, stats

from weirdonetworks.regression import fitting
from weirdonetworks.regression.diagnostics import Finding, smallest
from weirdonetworks.regression.fitting import Data, Model

# Rows beyond the parameters below which nothing is tested.
_FEWEST = 6
# Rows from which the residuals' asymmetry is tested, too.
_SKEW = 20
# Of more rows, so many are examined: in these, leverages are next to nothing.
_MANY = 20_000


def examine(model: Model, data: Data) -> Finding:
    """Tests whether residuals are of one size and symmetric, as the fit took them to be.

    * Spearman's rank correlation of the residuals' sizes with |f|, and with each column.
    * With 20 rows or more, the skewness of the residuals (D'Agostino 1970).

    Residuals are divided by sqrt(1 - leverage), without which those of few rows are small where the
    fit bends to them. Of more than 20,000 rows, so many are looked at.
    """
    data = data.rows(slice(None, None, -(-len(data.y) // _MANY)))
    r = standardised(model, data)
    if len(r) - model.num_parameters < _FEWEST:
        return smallest([])
    size = np.abs(r)
    results = []
    f = np.abs(model.predict(data.u))
    for name, column in [("y", f), *((i, data.u[:, i]) for i in range(data.u.shape[1]))]:
        if np.ptp(column) > 0 and np.ptp(size) > 0:
            p_value = float(stats.spearmanr(size, column).pvalue)
            results.append((p_value if np.isfinite(p_value) else 1.0, name))
    if len(r) >= _SKEW and np.ptp(r) > 1e-6 * size.max():
        results.append((float(stats.skewtest(r).pvalue), "skewness"))
    return smallest(results)


def standardised(model: Model, data: Data) -> np.ndarray:
    """The residuals divided by sqrt(1 - leverage), [rows]."""
    if len(data.y) > _MANY:
        return model.residuals(data)
    residuals, jacobian = fitting.derivatives(model, data)
    return residuals / np.sqrt(np.maximum(1 - leverages(jacobian), 1e-3))


def leverages(jacobian: np.ndarray) -> np.ndarray:
    """The diagonal of J (J' J)^-1 J', [rows]."""
    left, values, _ = np.linalg.svd(fitting.scaled(jacobian)[0], full_matrices=False)
    return np.sum(np.square(left[:, values > 1e-10 * values[0]]), axis=1)


def effective_rows(model: Model, data: Data) -> float:
    """By how many rows each parameter is held: sum h / sum h^2 of the leverages h.

    n / p where all p parameters are held by all n rows alike, and 1 where by p rows alone. Of more
    than 20,000 rows, so many are looked at.
    """
    data = data.rows(slice(None, None, -(-len(data.y) // _MANY)))
    h = leverages(fitting.derivatives(model, data)[1])
    return float(np.sum(h) / np.sum(np.square(h)))


def mixed_deviation(model: Model, data: Data) -> np.ndarray:
    """sqrt(1 + (b f)^2) with the b of the largest likelihood, for residuals y - f, [rows].

    The standard deviations, up to a factor, of errors of which one part is of one size, and one
    in proportion to f: b = 0 is the one, b -> infinity the other. `data.deviation`, if any, is a
    factor of its own (Carroll and Ruppert 1988, "Transformation and weighting in regression").
    """
    plain = dataclasses.replace(data, relative=False)
    own = data.weights
    f = model.predict(data.u)
    squares = np.square(standardised(model, plain) if not data.relative else (data.y - f) * own)
    ratio = np.square(f / fitting.rms(f))
    tiny = 1e-300 + 1e-30 * float(np.mean(squares))

    def minus_log_likelihood(log_b: float) -> float:
        variance = 1 + np.exp(2 * log_b) * ratio
        mean = float(np.mean(squares / variance)) + tiny
        return len(f) * np.log(mean) + float(np.sum(np.log(variance)))

    grid = np.arange(-6.0, 12.5, 0.5)
    best = grid[int(np.argmin([minus_log_likelihood(log_b) for log_b in grid]))]
    log_b = optimize.minimize_scalar(
        minus_log_likelihood, bounds=(best - 0.5, best + 0.5), method="bounded"
    ).x
    deviation = np.sqrt(1 + np.exp(2 * log_b) * ratio)
    return deviation / fitting.rms(deviation)


def criterion(model: Model, data: Data, sizes: int = 1) -> float:
    """AICc / n of y under this noise, up to a constant: smaller is better.

    `sizes` is the number of parameters of the noise. Source: Hurvich and Tsai 1989.
    """
    n = len(data.y)
    spread = fitting.rms(model.residuals(data)) / data.scale
    value = 2 * np.log(max(spread, fitting.PRECISION) * data.scale)
    if data.deviation is not None:
        value += 2 * float(np.mean(np.log(data.deviation)))
    if data.relative:
        value += 2 * float(np.mean(np.log(np.abs(data.y))))
    number = model.num_parameters + sizes
    return value + 2 * number / max(n - number - 1, 0.5)
