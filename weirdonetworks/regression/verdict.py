"""How well a law fits: exact, consistent or approximate, and the evidence."""

from typing import Any

import numpy as np

from weirdonetworks.regression import fitting, rounding, selection
from weirdonetworks.regression.diagnostics import (
    LEVEL,
    Finding,
    different,
    nested,
    polynomial_degree,
)
from weirdonetworks.regression.discovery import Discovery
from weirdonetworks.regression.search import GROWN

# Rows for each parameter below which a law of one term, or of more, is never called consistent.
_CONSISTENT, _SUM = 3, 6
# Rows that hold each parameter, below which the others do not test the law.
_HELD_BY = 1.5
# The share of the standard deviation of y that an exact law may leave.
_EXACT = 1e-6
# The share of the standard deviation of y that a law must explain.
_EXPLAINED = 0.1
# The chance that noise without a law is explained as well, by as many parameters.
_CHANCE = 1e-4
# The chance of residuals as large, if the errors of measurement are as they were given.
_CHI_SQUARE = 1e-3
# Of so many exponents, at most, fractions are taken to be more likely together.
_TOGETHER = 3
# The share of outliers above which good rows are not told from bad ones.
_OUTLIERS = 0.1


def judge(found: Discovery, outliers: int = 0) -> tuple[str, dict[str, Any]]:
    """The status of a fit, of which some rows were left out as outliers, and what it rests on.

    exact: the RMS of the residuals is at most 1e-11 of that of y and 1e-6 of its standard
      deviation, each is at most 1e-9 of the law's terms in its row, errors of y that were given are
      not exceeded, and there are at least twice as many different rows as parameters, so that as
      many rows agree with the law as determined it. Parameters are all coefficients and exponents,
      fractions or not: they were chosen by the data. A sum of eight terms or more has fractions
      alone as exponents: with others, so many come near anything smooth.
    consistent: nothing speaks against the law. No test finds structure in the residuals, or finds
      that they are not of the size that the noise model says, at the level of 1 %; rows that were
      held out are predicted as well, and no further term explains more; the errors of measurement
      that were given are not exceeded; all fractions have odds of 20 or more. There are at least
      three times as many rows as parameters (six for a sum), and enough to look for products of
      two columns in the residuals; of their leverages h, sum h / sum h^2 is at least 1.5, so that
      each parameter is held by more rows than one; at most a tenth of the rows are outliers; the
      law explains at least a tenth of the standard deviation of y and more than chance would (the
      F-test against a constant, p < 1e-4).
    approximate: all else.
    """
    model, data = found.model, found.data
    f = model.predict(data.u)
    relative = fitting.rms(data.y - f) / float(np.sqrt(np.mean(np.square(data.y))))
    spread = fitting.rms(data.y - f) / max(float(np.std(data.y)), 1e-300)
    parameters = model.a.size + len(model.c)
    rows, different_rows = len(data.y), int(different(data.u).max()) + 1
    evidence = {
        "relative_error": relative,
        "validation_error": found.validation_error,
        "rows": rows,
        "parameters": parameters,
        "p_value": None,
        "test": None,
    }
    if outliers > _OUTLIERS * (rows + outliers):
        evidence["reason"] = f"{outliers} of {rows + outliers} rows are outliers"
        return "approximate", evidence
    if relative <= fitting.PRECISION:
        if different_rows < 2 * parameters:
            said = "rows" if different_rows == rows else "different rows"
            evidence["reason"] = (
                f"{different_rows} {said} are too few to confirm {parameters} parameters"
            )
            return "approximate", evidence
        if spread > _EXACT:
            evidence["reason"] = "y is constant but for rounding"
            return "approximate", evidence
        inexact = fitting.inexact_rows(model, data)
        if inexact:
            evidence["reason"] = (
                f"the largest rows are at numerical precision, and {inexact} smaller ones are not"
            )
            return "approximate", evidence
        if found.chi_p_value < _CHI_SQUARE:
            evidence["reason"] = _larger(found)
            return "approximate", evidence
        if model.num_terms >= GROWN and rounding.unknown(model):
            evidence["reason"] = (
                f"{model.num_terms} terms whose exponents are no fractions fit anything smooth"
            )
            return "approximate", evidence
        evidence["reason"] = "the residuals are at numerical precision"
        return "exact", evidence
    result, noise, held_by = found.structure, found.examination, found.effective_rows
    evidence |= {
        "p_value": result.p_value,
        "test": result.test,
        "noise_p_value": noise.p_value,
        "noise_test": noise.test,
        "chi_square": found.chi_square,
        "further_term": found.gain,
        "effective_rows": held_by,
    }
    needed = (_CONSISTENT if model.num_terms == 1 else _SUM) * parameters
    few = rows < needed or different_rows <= parameters
    against = {
        f"{rows} rows are too few to look for structure in the residuals": few
        or polynomial_degree(data.u, model.num_parameters) < 2,
        "a few rows hold the law, and the others are too small to test it "
        f"({held_by:.2g} rows for each parameter)": held_by < _HELD_BY,
        "the law explains hardly anything of y": spread > 1 - _EXPLAINED,
        "the law explains no more of y than chance may": nested(
            1.0, spread**2, parameters - 1, rows - parameters
        )
        > _CHANCE,
        f"the residuals depend on X ({result.test} test, p = {result.p_value:.2g})": result.found,
        f"{rows} rows are too few to examine the noise": noise.test is None,
        f"the noise is not as the fit takes it to be: {_said(noise)}": noise.found,
        _larger(found): found.chi_p_value < _CHI_SQUARE,
        "rows that were held out are predicted worse than those of the fit "
        f"(p = {found.validation_p_value:.2g})": found.validation_p_value < _CHANCE,
        f"a further term explains more (p = {found.gain:.2g})": found.gain < selection.BY_CHANCE,
        "a root of a sum whose exponents are no fractions is one form of many": (
            model.power != 1 and model.num_terms > 1 and bool(rounding.unknown(model))
        ),
        "the data do not tell whether all exponents are the fractions": (
            rounding.doubts(model, found.freed.odds, _TOGETHER).max() > 1 / (1 + rounding.ODDS)
        ),
    }
    for reason, holds in against.items():
        if holds:
            evidence["reason"] = _limit(found) + reason
            return "approximate", evidence
    evidence["reason"] = f"no structure in the residuals at the level of {LEVEL:.0%}"
    return "consistent", evidence


def _larger(found: Discovery) -> str:
    return f"the residuals are larger than the errors of y (p = {found.chi_p_value:.2g})"


def _limit(found: Discovery) -> str:
    return "" if found.limit is None else f"the limit of terms, {found.limit}, was reached, and "


def _said(noise: Finding) -> str:
    if noise.test is None:
        return ""
    if noise.test == "skewness":
        return f"the residuals are not symmetric (p = {noise.p_value:.2g})"
    of = "y" if noise.test == "y" else f"column {noise.test}"
    return f"the residuals' size goes with {of} (p = {noise.p_value:.2g})"
