"""Fits convex functions in log space: Hoburg's example, and a million rows of ten variables.

python -m training.convex_fits

Fits that are in --workdir already are not repeated, so an interrupted command goes on.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from training.cli import app
from training.fitting import convex
from training.engine import workdir as results
from training.cli import flags as shared
from weirdonetworks import _checks

SIZE = 10
NOISE = 0.05
COLUMNS = (
    "problem",
    "family",
    "num_terms",
    "rows",
    "seed",
    "restarts",
    "rms",
    "worst_restart",
    "held_out_rms",
    "noise_floor",
    "distance_from_truth",
    "chord_excess",
    "seconds",
)


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


PROBLEMS = ("hoburg", "generated")


def run(
    workdir: str | Path,
    *,
    problems: Sequence[str] = PROBLEMS,
    families: Sequence[str] = tuple(convex.FAMILIES),
    rows: int = 1_000_000,
    num_terms: int = 16,
    epochs: int = 5,
    batch_size: int = 1000,
    restarts: int = 5,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Fits these problems by functions of these families, and returns all fits of the workdir.

    Hoburg's example gets three terms and the `restarts`; the generated problem gets `num_terms`,
    by minibatches, and a tenth as many rows of another seed are held out. Writes results.json,
    fits.csv and fits.png to the workdir after each fit; those that are there stay.

    A fit's row holds the RMS errors of log w on the data that were fitted and on those held out;
    the noise floor, which is that of the true function on the latter; the RMS distance from the
    true function; and how far the fit rises above chords of its graph between rows.

    Raises:
      ValueError: an unknown problem or family, a workdir with fits of another configuration, or
        whatever fitting refuses.
    """
    for problem in problems:
        _checks.choice("problems", problem, PROBLEMS)
    for family in families:
        _checks.choice("families", family, convex.FAMILIES)
    rows = _checks.integer("rows", rows, 100)
    files = results.Workdir(workdir)
    settings = {
        "rows": rows,
        "num_terms": _checks.integer("num_terms", num_terms),
        "epochs": epochs,
        "batch_size": batch_size,
        "restarts": restarts,
        "seed": seed,
    }
    files.claim({"command": "convex_fits", **settings}, resume=True)
    fits = files.read("results.json") if (files.path / "results.json").exists() else {}
    for problem, family in itertools.product(problems, families):
        key = f"{problem}/{family}"
        if key not in fits:
            fits[key] = _fit(problem, family, settings)
        files.write("results.json", fits)
        files.write_text("fits.csv", results.to_csv([_row(fit) for fit in fits.values()], COLUMNS))
        files.save_figure(_draw(fits), "fits.png")
    return list(fits.values())


def _fit(problem: str, family: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    seed = settings["seed"]
    if problem == "hoburg":
        data, held_out, num_terms = hoburg(), None, 3
        restarts = settings["restarts"]
        fit = convex.fit(data.u, data.w, family, num_terms, restarts=restarts, seed=seed)
    else:
        data = generated(settings["rows"], 2 * seed)
        held_out = generated(settings["rows"] // 10, 2 * seed + 1)
        num_terms, restarts = settings["num_terms"], 3
        fit = convex.fit_minibatches(
            data.u,
            data.w,
            family,
            num_terms,
            epochs=settings["epochs"],
            batch_size=settings["batch_size"],
            restarts=restarts,
            seed=seed,
        )
    x = np.log(data.u)
    row = {
        "problem": problem,
        "family": family,
        "num_terms": num_terms,
        "rows": len(x),
        "seed": seed,
        "restarts": restarts,
        "rms": fit.rms,
        "worst_restart": fit.restarts[-1],
        "chord_excess": convex.chord_excess(fit.layer, x, seed=seed),
        "seconds": fit.seconds,
    }
    if held_out is None:
        errors = (fit.layer(x)[:, 0] - data.truth).numpy()
        return {**row, "u": data.u[:, 0].tolist(), "errors": errors.tolist()}
    x, y = np.log(held_out.u), np.log(held_out.w)
    return {
        **row,
        "held_out_rms": convex.rms_error(fit.layer, x, y),
        "noise_floor": float(np.sqrt(np.mean((y - held_out.truth) ** 2))),
        "distance_from_truth": convex.rms_error(fit.layer, x, held_out.truth),
    }


def _row(fit: Mapping[str, Any]) -> dict[str, Any]:
    return {key: fit.get(key, "") for key in COLUMNS}


def _draw(fits: Mapping[str, Mapping[str, Any]]):
    """The errors on Hoburg's example along u, and the held-out errors of the generated one."""
    figure, (left, right) = results.new_figure(1, 2, figsize=(10, 3.6))
    for fit in fits.values():
        if fit["problem"] == "hoburg":
            label = f"{fit['family']}: {fit['rms']:.2e}"
            left.plot(fit["u"], np.abs(fit["errors"]), ".-", markersize=3, label=label)
    left.set(xlabel="u", ylabel="|error of log w|", yscale="log", ylim=(1e-9, 1))
    left.set_title("w = (u² + 3) / (u + 1)², three terms: RMS error")
    left.legend(loc="upper right", fontsize=8)
    large = [fit for fit in fits.values() if fit["problem"] == "generated"]
    right.bar(range(len(large)), [fit["held_out_rms"] for fit in large], 0.6)
    right.set(xticks=range(len(large)), ylabel="held-out RMS error of log w")
    right.set_xticklabels([fit["family"] for fit in large], fontsize=8)
    if large:
        right.axhline(large[0]["noise_floor"], color="black", linestyle="--", label="noise floor")
        right.set_title(f"{SIZE} variables, {large[0]['rows']:,} rows")
        right.legend()
    return figure


def to_text(fits: Sequence[Mapping[str, Any]]) -> str:
    """A line for each fit."""
    lines = [f"{'problem':10} {'family':24}{'terms':>6}{'rows':>10}{'RMS':>11}{'held out':>10}"]
    lines[0] += f"{'noise':>8}{'seconds':>9}"
    for fit in fits:
        line = f"{fit['problem']:10} {fit['family']:24}{fit['num_terms']:6}{fit['rows']:10}"
        line += f"{fit['rms']:11.3e}"
        held_out = fit["problem"] == "generated"
        line += f"{fit['held_out_rms']:10.4f}{fit['noise_floor']:8.4f}" if held_out else " " * 18
        lines.append(f"{line}{fit['seconds']:9.1f}")
    return "\n".join(lines) + "\n"


_PROBLEMS = flags.DEFINE_list(
    "convex_problems", list(PROBLEMS), f"Which of {', '.join(PROBLEMS)}, separated by commas."
)
_FAMILIES = flags.DEFINE_list(
    "families", list(convex.FAMILIES), f"Which of {', '.join(convex.FAMILIES)}."
)
_ROWS = flags.DEFINE_integer("rows", 1_000_000, "Rows of the generated problem.", 100)
_TERMS = flags.DEFINE_integer("convex_terms", 16, "Terms of the fits to the generated problem.", 1)
_BATCH_ROWS = flags.DEFINE_integer("batch_rows", 1000, "Rows a step.", 1)
_RESTARTS = flags.DEFINE_integer("restarts", 5, "Starts of the fits to Hoburg's example.", 1)
_FIT_SEED = flags.DEFINE_integer("fit_seed", 0, "Of starts, data and permutations.", 0)
flags.declare_key_flag("epochs")
flags.declare_key_flag("workdir")


def main() -> None:
    workdir = Path(shared.WORKDIR.value or Path("runs") / "convex-fits")
    fits = run(
        workdir,
        problems=_PROBLEMS.value,
        families=_FAMILIES.value,
        rows=_ROWS.value,
        num_terms=_TERMS.value,
        epochs=shared.EPOCHS.value or 5,
        batch_size=_BATCH_ROWS.value,
        restarts=_RESTARTS.value,
        seed=_FIT_SEED.value,
    )
    print(to_text(fits), end="")
    print("RMS: of the error of log w; held out and noise: of rows that were not fitted")
    print(f"written to {workdir}/: results.json, fits.csv, fits.png")


if __name__ == "__main__":
    app.run(main)
