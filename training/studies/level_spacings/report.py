"""Ratios of gaps and outliers by epoch, and whether the ratios are those of random matrices."""

import math

import numpy as np
import pandas as pd
import scipy.stats

from training.experiments import Report
from training.report.statistics import LEVEL, holm
from training.report.tables import mean_and_spread, percent, summary
from weirdonetworks.commands.figures import new_figure

# Of large matrices (Atas et al. 2013): GOE, and GUE, whose law angles of orthogonal matrices have.
LAWS = {"lipschitz": 0.5996}
GOE, POISSON = 0.5307, 2 * math.log(2) - 1
_PLACE = ["dataset", "step", "layer"]


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `ratios` and `outliers` by epoch, `verdicts`, `accuracy`, and the picture `ratios`.

    ratios: the mean over the seeds ± its standard error, of those of the seeds; verdicts: whether
    the ratio after the last epoch differs from that of random matrices, with p of a normal test,
    adjusted by Holm for all lines, and the ratio of independent levels of the same density.
    """
    spacings = results["spacings"]
    means = pd.DataFrame([_mean(key, part) for key, part in _groups(spacings)])
    cells = means.assign(cell=[f"{row.ratio:.3f} ± {row.error:.3f}" for row in means.itertuples()])
    counts = means.assign(cell=[f"{value:.1f}" for value in means["outliers"]])
    runs = results["runs"]
    accuracy = {"seeds": ("seed", len), "test accuracy %": ("test_accuracy", percent)}
    tables = {
        "ratios": _by_epoch(cells),
        "outliers": _by_epoch(counts[~counts["step"].isin(LAWS)]),
        "verdicts": _verdicts(spacings, means),
        "accuracy": summary(runs[runs["status"] == "done"], ["dataset", "step"], accuracy),
    }
    return Report(tables, {"ratios": _draw(means)})


def _groups(spacings: pd.DataFrame):
    return spacings.groupby([*_PLACE, "epoch"], sort=False)


def _mean(key: tuple, part: pd.DataFrame) -> dict[str, object]:
    return dict(zip([*_PLACE, "epoch"], key, strict=True)) | {
        "ratio": part["gap_ratio"].mean(),
        "error": np.sqrt((part["gap_error"] ** 2).sum()) / len(part),
        "outliers": part["outliers"].mean(),
    }


def _by_epoch(cells: pd.DataFrame) -> pd.DataFrame:
    """A line for each layer, a column for each epoch."""
    order = pd.MultiIndex.from_frame(cells[_PLACE].drop_duplicates())
    table = cells.pivot(index=_PLACE, columns="epoch", values="cell").reindex(order)
    table.columns = [str(epoch) for epoch in table.columns]
    return table.reset_index()


def _verdicts(spacings: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    last = means[means["epoch"] == means["epoch"].max()]
    laws = last["step"].map(LAWS).fillna(GOE)
    z = (last["ratio"] - laws) / last["error"]
    table = last[_PLACE].assign(law=[f"{law:.3f}" for law in laws])
    table["ratio"] = [f"{row.ratio:.3f} ± {row.error:.3f}" for row in last.itertuples()]
    table["difference"] = [f"{d:+.3f}" for d in last["ratio"] - laws]
    p = holm(list(2 * scipy.stats.norm.sf(np.abs(z))))
    table["p"] = [f"{value:.2g}" for value in p]
    table["verdict"] = ["another" if value < LEVEL else "not told apart" for value in p]
    end = spacings[spacings["epoch"] == means["epoch"].max()]
    independent = end.groupby(_PLACE, sort=False)["independent"]
    table["independent"] = [mean_and_spread(values, 3) for _, values in independent]
    return table


def _draw(means: pd.DataFrame):
    """A panel for each data set: the ratio by epoch, a line for each step and layer."""
    panels = list(means.groupby("dataset", sort=False))
    figure, axes = new_figure(1, len(panels), figsize=(6.4 * len(panels), 3.6), squeeze=False)
    for axis, (dataset, part) in zip(axes[0], panels, strict=True):
        for number, (step, lines) in enumerate(part.groupby("step", sort=False)):
            for layer, line in lines.groupby("layer"):
                axis.errorbar(
                    np.arange(len(line)) + 0.05 * number, line["ratio"], line["error"], capsize=2,
                    marker="o", linestyle="-" if layer == 1 else "--", color=f"C{number}",
                    label=f"{step}, layer {layer}",
                )  # fmt: skip
        for law, name in ((GOE, "GOE"), (LAWS["lipschitz"], "GUE"), (POISSON, "Poisson")):
            axis.axhline(law, color="gray", linewidth=0.8, linestyle=":")
            axis.annotate(name, (0, law), fontsize=7, color="gray")
        axis.set_xticks(range(part["epoch"].nunique()), sorted(part["epoch"].unique()))
        axis.set(title=dataset, xlabel="epoch", ylabel="mean ratio of gaps")
        axis.legend(fontsize=6, ncols=2)
    return figure
