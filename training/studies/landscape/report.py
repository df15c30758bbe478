"""What is found by students, in subspaces, about minima and between them."""

import pandas as pd

from training.experiments import Report
from training.report.tables import mean_and_spread, percent, summary
from training.studies.landscape.trial import ALL, barrier
from weirdonetworks.commands.figures import new_figure

_SHARE = 0.9  # of the accuracy of all weights, at which a subspace counts as enough
_PLACE = ["dataset", "network"]


def report(results: dict[str, pd.DataFrame]) -> Report:
    """A table and a picture for each part that has rows.

    students: how many starts find the teacher, of each teacher. dimension: test
    accuracy by the numbers of the subspace; `intrinsic`: the least of those that were tried with
    nine tenths of the accuracy of all weights. spectrum: of the Hessian. paths: barriers.
    """
    tables, figures = {}, {}
    parts = {"students": _students, "dimension": _dimension, "spectrum": _spectrum, "paths": _paths}
    for name, make in parts.items():
        if name in results and not (rows := _done(results[name])).empty:
            found, figure = make(rows, results)
            tables |= found
            figures[name] = figure
    if not tables:
        tables = {"runs": next(iter(results.values()))}
    return Report(tables, figures)


def _done(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["status"] == "done"] if "status" in rows else rows


def _students(rows: pd.DataFrame, results) -> tuple[dict, object]:
    def found(group: pd.DataFrame) -> str:
        counts = ", ".join(str(n) for n in sorted(group["found"]))
        return f"{counts} of {group['starts'].iloc[0]:.0f}"

    columns = {
        "least": ("least", lambda values: f"{values.iloc[0]:.0f}"),
        "found": (None, found),
        "median loss": ("median_loss", lambda values: f"{values.median():.1e}"),
        "worst loss": ("worst_loss", lambda values: f"{values.max():.1e}"),
    }
    figure, axis = new_figure(figsize=(5.5, 3.6))
    for degree, part in rows.groupby("degree"):
        part = part.assign(share=100 * part["found"] / part["starts"])
        shares = part.groupby("units")["share"].agg(["mean", "min", "max"])
        axis.errorbar(
            shares.index, shares["mean"],
            yerr=[shares["mean"] - shares["min"], shares["max"] - shares["mean"]],
            marker="o", capsize=2, label=f"(w . x)^{degree:.0f}",
        )  # fmt: skip
    axis.axvline(rows["least"].iloc[0], color="0.6", linestyle=":")
    axis.set(
        xlabel="units of the student (dotted: of the teacher)", ylabel="starts that find it in %"
    )
    axis.legend()
    return {"students": summary(rows, ["degree", "units"], columns)}, figure


def _dimension(rows: pd.DataFrame, results) -> tuple[dict, object]:
    means = rows.groupby([*_PLACE, "dimension"], sort=False)["test_accuracy"].mean().reset_index()
    lines = []
    for (dataset, network), part in means.groupby(_PLACE, sort=False):
        by = part.set_index("dimension")["test_accuracy"]
        if ALL not in by:
            continue
        enough = [d for d in sorted(by.index) if d != ALL and by[d] >= _SHARE * by[ALL]]
        some = rows[(rows["dataset"] == dataset) & (rows["network"] == network)]
        lines.append(
            {
                "dataset": dataset,
                "network": network,
                "numbers": f"{some['numbers'].iloc[0]:,.0f}",
                "enough for 90 %": f"{enough[0]:,.0f}" if enough else "",
            }
        )
    figure, axis = new_figure(figsize=(6, 3.8))
    for i, ((dataset, network), part) in enumerate(means.groupby(_PLACE, sort=False)):
        inside = part[part["dimension"] != ALL].sort_values("dimension")
        axis.plot(
            inside["dimension"], 100 * inside["test_accuracy"], "o-", color=f"C{i}",
            label=f"{dataset}, {network}",
        )  # fmt: skip
        for value in part.loc[part["dimension"] == ALL, "test_accuracy"]:
            axis.axhline(100 * value, linestyle=":", color=f"C{i}")
    axis.set(xscale="log", xlabel="numbers of the subspace", ylabel="test accuracy in %")
    axis.legend(fontsize="small")
    columns = {"seeds": ("seed", len), "test accuracy %": ("test_accuracy", percent)}
    shown = rows.assign(dimension=[("all" if d == ALL else f"{d:,.0f}") for d in rows["dimension"]])
    tables = {"dimension": summary(shown, [*_PLACE, "dimension"], columns)}
    return tables | {"intrinsic": pd.DataFrame(lines)}, figure


def _spectrum(rows: pd.DataFrame, results) -> tuple[dict, object]:
    def three(values) -> str:
        return mean_and_spread(values, 3)

    columns = {
        "numbers": ("numbers", lambda values: f"{values.iloc[0]:,.0f}"),
        "test accuracy %": ("test_accuracy", percent),
        "loss": ("loss", three),
        "largest": ("largest", three),
        "smallest": ("smallest", three),
        "flat %": ("flat", lambda values: percent(values, 1)),
        "trace / largest": ("stiff", lambda values: mean_and_spread(values, 1)),
    }
    nodes = results["eigenvalues"]
    figure, axis = new_figure(figsize=(6, 3.8))
    for (dataset, network), part in nodes.groupby(_PLACE, sort=False):
        runs = part.groupby(["seed", "probe"]).ngroups
        part = part[part["eigenvalue"] > 0].sort_values("eigenvalue", ascending=False)
        sizes = rows.loc[(rows["dataset"] == dataset) & (rows["network"] == network), "numbers"]
        above = part["share"].cumsum() / runs * sizes.iloc[0]
        axis.plot(part["eigenvalue"], above, label=f"{dataset}, {network}")
    axis.set(
        xscale="log", yscale="log", xlabel="eigenvalue", ylabel="how many are as large or larger"
    )
    axis.set_xlim(left=1e-6)
    axis.legend(fontsize="small")
    return {"spectrum": summary(rows, _PLACE, columns)}, figure


def _paths(rows: pd.DataFrame, results) -> tuple[dict, object]:
    barriers = pd.DataFrame(
        [
            {**dict(zip([*_PLACE, "path", "seed"], key, strict=True)), "barrier": barrier(part)}
            for key, part in rows.groupby([*_PLACE, "path", "seed"], sort=False)
        ]
    )
    columns = {"seeds": ("seed", len), "barrier": ("barrier", lambda v: mean_and_spread(v, 3))}
    panels = list(rows.groupby(_PLACE, sort=False))
    figure, axes = new_figure(1, len(panels), figsize=(4.5 * len(panels), 3.4), squeeze=False)
    for axis, ((dataset, network), part) in zip(axes[0], panels, strict=True):
        for path, one in part.groupby("path", sort=False):
            axis.plot(one.groupby("t")["loss"].mean(), label=path)
        axis.set(title=f"{dataset}, {network}", xlabel="t", ylabel="training loss", yscale="log")
        axis.legend(fontsize="small")
    return {"paths": summary(barriers, [*_PLACE, "path"], columns)}, figure
