"""Errors by problem and family, beside gpfit's."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from training.experiments import Report
from weirdonetworks.commands.figures import new_figure


def report(results: Mapping[str, pd.DataFrame]) -> Report:
    """The tables `hoburg` and `generated` of those problems that were fitted, the figure `fits`."""
    runs = results["runs"]
    tables = {}
    few, many = (runs[runs["problem"] == problem] for problem in ("hoburg", "generated"))
    if len(few):
        tables["hoburg"] = _shown(
            few,
            program="program",
            terms="num_terms",
            starts="restarts",
            **{"RMS error": "rms", "of the worst start": "worst_restart", "seconds": "seconds"},
        )
    if len(many):
        tables["generated"] = _shown(
            many,
            terms="num_terms",
            rows="rows",
            **{"RMS error": "rms", "held out": "held_out_rms", "noise": "noise_floor"},
            **{"from the truth": "distance_from_truth", "seconds": "seconds"},
        )
    return Report(tables, {"fits": _draw(few, results.get("curves"), many)})


_FORMS = {"rms": ".2e", "worst_restart": ".2e", "held_out_rms": ".4f", "noise_floor": ".4f",
          "distance_from_truth": ".4f", "seconds": ".1f", "rows": ","}  # fmt: skip


def _shown(runs: pd.DataFrame, **columns: str) -> pd.DataFrame:
    """These columns of the runs under other names; the seed, if there are several."""
    named = {"family": "family", **columns}
    if runs["seed"].nunique() > 1:
        named["seed"] = "seed"
    shown = {
        title: [format(value, _FORMS.get(column, "")) for value in runs[column]]
        for title, column in named.items()
    }
    return pd.DataFrame(shown)


def _draw(few: pd.DataFrame, curves: pd.DataFrame | None, many: pd.DataFrame) -> Figure:
    """The errors on Hoburg's example along u, and the held-out errors of the generated one."""
    figure, (left, right) = new_figure(1, 2, figsize=(10, 3.6))
    if curves is not None:
        for (family, seed), curve in curves.groupby(["family", "seed"], sort=False):
            own = few[(few["family"] == family) & (few["seed"] == seed)]
            rms = own.loc[own["program"] == "weirdonetworks", "rms"].iloc[0]
            left.plot(curve["u"], np.abs(curve["error"]), ".-", markersize=3,
                      label=f"{family}: {rms:.2e}")  # fmt: skip
        left.legend(loc="upper right", fontsize=8)
    left.set(xlabel="u", ylabel="|error of log w|", yscale="log", ylim=(1e-9, 1))
    left.set_title("w = (u² + 3) / (u + 1)², three terms: RMS error")
    right.bar(range(len(many)), many.get("held_out_rms", ()), 0.6)
    right.set(xticks=range(len(many)), ylabel="held-out RMS error of log w")
    right.set_xticklabels(many["family"], fontsize=8)
    if len(many):
        right.axhline(many["noise_floor"].iloc[0], color="black", linestyle="--", label="noise")
        right.set_title(f"ten variables, {many['rows'].iloc[0]:,} rows")
        right.legend()
    return figure
