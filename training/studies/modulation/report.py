"""The table of variants with what they learned, what tells them apart, and a picture."""

import numpy as np
import pandas as pd

from training.experiments import Report
from training.report.figures import dots
from training.report.statistics import verdicts
from training.report.tables import mean_and_spread, percent
from training.studies.modulation.variants import BASELINES
from weirdonetworks.commands.figures import new_figure

KEYS = ["family", "variant"]


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `accuracy`, `verdicts` and `learned`, of test accuracy.

    accuracy: a line for each variant; for each data set, mean ± sample standard deviation over the
      seeds, in %, and the same of the mean alpha that was learned.
    verdicts: what Welch's test says against the family's baseline, for each data set.
    learned: the same of networks that learn alpha against those with alpha = 1/2.

    Without runs, the table `transcribed` is shown as it stands, as `accuracy`.
    """
    if "runs" not in results:
        return Report({"accuracy": results["transcribed"]})
    runs = results["runs"].reindex(
        columns=[*results["runs"].columns.union(["alpha_mean", "parameters"], sort=False)]
    )
    done = runs[runs["status"] == "done"]
    told = [
        verdicts(part, {"variant": BASELINES[family]}, by=["dataset", "family"])
        for (_, family), part in done.groupby(["dataset", "family"], sort=False)
    ]
    tables = {"accuracy": _accuracy(runs), "verdicts": pd.concat(told or [pd.DataFrame()])}
    learned = _learned(done)
    if len(learned):
        tables["learned"] = learned
    alphas = results.get("alphas", pd.DataFrame(columns=["dataset", *KEYS, "alpha"]))
    return Report(tables, {} if done.empty else {"modulation": _draw(done, alphas)})


def _accuracy(runs: pd.DataFrame) -> pd.DataFrame:
    of = runs.groupby(KEYS, sort=False)
    sizes = of["parameters"].max().map("{:,.0f}".format, na_action="ignore")
    columns = {"parameters": sizes}
    for dataset, part in runs.groupby("dataset", sort=False):
        groups = part.groupby(KEYS, sort=False)
        columns[f"{dataset} %"] = pd.Series({key: _cell(group) for key, group in groups})
        alphas = {key: group["alpha_mean"].dropna() for key, group in groups}
        alphas = {key: mean_and_spread(values) for key, values in alphas.items() if len(values)}
        if alphas:
            columns[f"learned α, {dataset}"] = pd.Series(alphas)
    return pd.DataFrame(columns).reindex(list(of.groups)).rename_axis(KEYS).reset_index()


def _cell(runs: pd.DataFrame) -> str:
    done = runs.loc[runs["status"] == "done", "test_accuracy"]
    if len(done) == len(runs):
        return percent(done)
    failed = f"{len(runs) - len(done)} of {len(runs)} diverged"
    return f"{percent(done)} ({failed})" if len(done) else failed


def _learned(done: pd.DataFrame) -> pd.DataFrame:
    """Verdicts on each kind that learns alpha, adjusted for all of a data set together."""
    kind, alpha = (done["variant"].map(lambda name, i=i: name.rpartition(" ")[i]) for i in (0, 2))
    pairs = done.assign(kind=kind, alpha=alpha)
    pairs = pairs[pairs["alpha"].isin(["1/2", "learned"])]
    return verdicts(pairs, {"alpha": "1/2"}, by=["dataset", "kind"], together=["dataset"])


def _draw(done: pd.DataFrame, alphas: pd.DataFrame):
    """A line for each data set, a panel for each family, with the seeds of each variant; beside
    them the alphas that were learned."""
    datasets, families = done["dataset"].unique(), done["family"].unique()
    columns = len(families) + bool(len(alphas))
    count = done.groupby("family")["variant"].nunique().max()
    size = (4.6 * columns, (1.4 + 0.32 * count) * len(datasets))
    figure, axes = new_figure(len(datasets), columns, figsize=size, squeeze=False)
    for row, dataset in zip(axes, datasets, strict=True):
        part = done[done["dataset"] == dataset]
        for axis, family in zip(row, families, strict=False):
            groups = part[part["family"] == family].groupby("variant", sort=False)["test_accuracy"]
            dots(axis, {name: 100 * values for name, values in groups})
            axis.set(title=f"{dataset}, {family}", xlabel="test accuracy in %")
        if len(alphas):
            _draw_alphas(row[-1], alphas[alphas["dataset"] == dataset])
    figure.suptitle("accuracy by seed, mean ± standard deviation")
    return figure


def _draw_alphas(axis, alphas: pd.DataFrame) -> None:
    groups = dict(list(alphas.groupby("variant", sort=False)["alpha"]))
    for height, values in enumerate(groups.values()):
        jitter = np.random.default_rng(0).uniform(-0.25, 0.25, len(values))
        opacity = 0.3 if len(values) > 9 else 1
        axis.plot(values, height + jitter, "o", markersize=3, alpha=opacity)
    axis.axvline(0.5, color="gray", linewidth=0.8, linestyle=":")
    axis.set_yticks(range(len(groups)), list(groups))
    axis.set(title="learned, from 1/2", xlabel="alpha", xlim=(-0.03, 1.03))
    axis.invert_yaxis()
