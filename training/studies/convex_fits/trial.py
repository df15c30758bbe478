"""Fits to Hoburg's example and to a generated posynomial with noise."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from training.fitting import convex

SIZE = 10  # variables of the generated problem
NOISE = 0.05
HOBURG_TERMS = 3
GPFIT = {"max_affine": "ma", "softmax_affine": "sma", "implicit_softmax_affine": "isma"}


class Sample(NamedTuple):
    """Rows of a problem: u [rows, in], w [rows], and log w without noise [rows]."""

    u: np.ndarray
    w: np.ndarray
    truth: np.ndarray


def hoburg() -> Sample:
    """w = (u^2 + 3) / (u + 1)^2 at 101 points of [1, 3], equally spaced in log u.

    Source: Hoburg, Kirschen and Abbeel 2016, "Data fitting with geometric-programming-compatible
    softmax functions".
    """
    u = np.exp(np.linspace(0, np.log(3), 101))
    w = (u**2 + 3) / (u + 1) ** 2
    return Sample(u[:, None], w, np.log(w))


def generated(rows: int, seed: int) -> Sample:
    """A generalised posynomial of ten variables with 5 % of noise:

        w = ((m1 + m2)^2.5 + m3 max(m4, m5) + m6) e^(0.05 noise),    noise ~ N(0, 1),

    with monomials m_k = c_k prod_i u_i^a_ki, a and log c ~ N(0, 1), always the same, and log u
    uniform in [-1, 1]. Log-log convex, and in none of the three families.
    """
    rng = np.random.default_rng(7)
    a, log_c = rng.normal(size=(SIZE, 6)), rng.normal(size=6)
    rng = np.random.default_rng([7, seed])
    x = rng.uniform(-1, 1, (rows, SIZE))
    m1, m2, m3, m4, m5, m6 = (x @ a + log_c).T
    truth = np.logaddexp(2.5 * np.logaddexp(m1, m2), m3 + np.maximum(m4, m5))
    truth = np.logaddexp(truth, m6)
    return Sample(np.exp(x), np.exp(truth + NOISE * rng.normal(size=rows)), truth)


def trial(axes: Mapping[str, str], seed: int, choice: None, **settings: int) -> dict[str, Any]:
    """Fits a problem by functions of a family.

    Hoburg's example gets three terms and the `restarts`; the generated problem gets `num_terms`,
    by minibatches, and a tenth as many rows of another seed are held out.

    Returns the tables
      runs: the RMS errors of log w on the data that were fitted, of the best start and of the
        worst, and on those held out; the noise floor, which is that of the true function on the
        latter; the RMS distance from the true function; and how far the fit rises above chords of
        its graph between rows.
      curves: the errors of log w on Hoburg's example, along u.
    """
    family = axes["family"]
    if axes["program"] == "gpfit":
        return {"runs": [_by_gpfit(family, range(seed, seed + settings["gpfit_restarts"]))]}
    if axes["problem"] == "hoburg":
        return _fit_few(family, settings["restarts"], seed)
    chosen = {key: settings[key] for key in ("rows", "num_terms", "epochs", "batch_size")}
    return {"runs": [_fit_many(family, seed, **chosen)]}


def _fit_few(family: str, restarts: int, seed: int) -> dict[str, Any]:
    data = hoburg()
    fit = convex.fit(data.u, data.w, family, HOBURG_TERMS, restarts=restarts, seed=seed)
    x = np.log(data.u)
    errors = (fit.layer(x)[:, 0] - data.truth).numpy()
    curve = [{"u": u, "error": error} for u, error in zip(data.u[:, 0], errors, strict=True)]
    return {"runs": [_row(fit, x, HOBURG_TERMS, restarts, seed)], "curves": curve}


def _fit_many(
    family: str, seed: int, *, rows: int, num_terms: int, epochs: int, batch_size: int
) -> dict[str, Any]:
    data, held_out = generated(rows, 2 * seed), generated(rows // 10, 2 * seed + 1)
    restarts = 3
    fit = convex.fit_minibatches(
        data.u,
        data.w,
        family,
        num_terms,
        epochs=epochs,
        batch_size=batch_size,
        restarts=restarts,
        seed=seed,
    )
    x, y = np.log(held_out.u), np.log(held_out.w)
    return {
        **_row(fit, np.log(data.u), num_terms, restarts, seed),
        "held_out_rms": convex.rms_error(fit.layer, x, y),
        "noise_floor": float(np.sqrt(np.mean((y - held_out.truth) ** 2))),
        "distance_from_truth": convex.rms_error(fit.layer, x, held_out.truth),
    }


def _row(fit: convex.Fit, x: np.ndarray, num_terms: int, restarts: int, seed: int) -> dict:
    return {
        "num_terms": num_terms,
        "rows": len(x),
        "restarts": restarts,
        "rms": fit.rms,
        "worst_restart": fit.restarts[-1],
        "chord_excess": convex.chord_excess(fit.layer, x, seed=seed),
        "seconds": fit.seconds,
    }


def _by_gpfit(family: str, seeds: range) -> dict[str, Any]:
    """The best and the worst fit of gpfit to Hoburg's example."""
    try:
        from gpfit.fit import fit
    except ImportError as error:
        raise ImportError(f"program=gpfit must be installed: pip install gpfit ({error})") from None
    start = time.perf_counter()
    data, name = hoburg(), GPFIT[family]
    x, y = np.log(data.u[:, 0]), data.truth
    errors = [fit(x, y, HOBURG_TERMS, name, seed=seed).errors["rms_log"] for seed in seeds]
    return {
        "num_terms": HOBURG_TERMS,
        "rows": len(x),
        "restarts": len(seeds),
        "rms": float(min(errors)),
        "worst_restart": float(max(errors)),
        "seconds": time.perf_counter() - start,
    }
