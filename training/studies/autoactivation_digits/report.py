"""How soon each kind of weights learns the digits, and how well."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import scipy.stats

from training.experiments import Report
from training.report.statistics import LEVEL, holm, welch
from training.report.tables import mean_and_spread, percent
from training.studies.autoactivation_digits.trial import GOAL
from weirdonetworks.commands.figures import new_figure

FORMULAS = {
    "plain": "W",
    "plain log-normal": "W, start of e^W",
    "plain own rates": "tangent of e^W",
    "identity": "W+ - W-",
    "exp": "e^W+ - e^W-",
    "square": "W+² - W-²",
    "log": "log W+ - log W-",
    "reciprocal": "1/W+ - 1/W-",
    "exp_exp": "e^e^W+ - e^e^W-",
    "cube": "W+³ - W-³",
    "softplus": "softplus",
}
_COLORS = {
    "plain": "black",
    "plain log-normal": "dimgray",
    "plain own rates": "darkgray",
    **{name: f"C{i}" for i, name in enumerate(list(FORMULAS)[3:])},
}


def report(results: Mapping[str, pd.DataFrame]) -> Report:
    """Tables `digits`, `details`, `verdicts`, the figure `digits`; or `digits` as transcribed."""
    if "runs" not in results:
        return Report({"digits": results["transcribed"]})
    runs = results["runs"]
    tables = {"digits": digits(runs), "details": details(runs), "verdicts": verdicts(runs)}
    return Report(tables, {"digits": draw(runs, results["curves"])})


def _steps(own: pd.DataFrame) -> str:
    """Steps to the goal if all seeds come to it, else how many do."""
    found = own["steps"].dropna()
    if len(found) == len(own):
        return mean_and_spread(found, 0)
    return f"{len(found)} of {len(own)}" if len(found) else "never"


def _accuracy(values: pd.Series) -> str:
    return percent(values.dropna()) if values.notna().any() else "diverged"


def _filled(runs: pd.DataFrame) -> pd.DataFrame:
    """With all columns, if every run has diverged."""
    columns = ["steps", "validation_accuracy", "test_accuracy", "parameters"]
    return runs.reindex(columns=list(dict.fromkeys([*runs, *columns])))


def digits(runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each kind of weights: steps to the goal and test accuracy by each optimizer."""
    rows = []
    for (dataset, variant), own in _filled(runs).groupby(["dataset", "variant"], sort=False):
        row = {"dataset": dataset, "weights": FORMULAS[variant]}
        for optimizer, some in own.groupby("optimizer", sort=False):
            row[f"{optimizer}: steps to {GOAL:.0%}"] = _steps(some)
            row[f"{optimizer}: test %"] = _accuracy(some["test_accuracy"])
        rows.append(row)
    return pd.DataFrame(rows)


def details(runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each optimizer and kind of weights, with its rate."""
    by, rows = ["dataset", "optimizer", "variant"], []
    for key, own in _filled(runs).groupby(by, sort=False):
        rows.append(
            {
                **dict(zip(by, key, strict=True)),
                "parameters": f"{own['parameters'].max():,.0f}",
                "learning rate": f"{own['learning_rate'].iloc[0]:.3g}",
                f"reach {GOAL:.0%}": f"{own['steps'].notna().sum()} of {len(own)}",
                "validation %": _accuracy(own["validation_accuracy"]),
                "test %": _accuracy(own["test_accuracy"]),
            }
        )
    return pd.DataFrame(rows)


def verdicts(runs: pd.DataFrame) -> pd.DataFrame:
    """Steps to the goal against plain weights by the same optimizer: Welch's test of logarithms.

    Adjusted by Holm for the comparisons with one optimizer. `ratio` is that of the geometric means,
    plain over the other. Only where all seeds arrive there is something to test.
    """
    rows = []
    for (dataset, optimizer), own in _filled(runs).groupby(["dataset", "optimizer"], sort=False):
        steps = {variant: some["steps"] for variant, some in own.groupby("variant", sort=False)}
        logs = {name: np.log(values) for name, values in steps.items() if values.notna().all()}
        base, others = logs.get("plain"), [name for name in logs if name != "plain"]
        if base is None or len(base) < 2:
            continue
        p = holm([welch(logs[name].to_numpy(), base.to_numpy()) for name in others])
        for name in steps:
            row = {"dataset": dataset, "optimizer": optimizer, "variant": name}
            if name == "plain":
                row |= {"ratio": "", "p": "", "verdict": "baseline"}
            elif name not in logs:
                row |= {"ratio": "", "p": "", "verdict": "not all seeds arrive"}
            else:
                ratio, value = np.exp(base.mean() - logs[name].mean()), p[others.index(name)]
                told = "faster" if ratio > 1 else "slower"
                row |= {"ratio": f"{ratio:.2f}", "p": f"{value:.2g}"}
                row["verdict"] = told if value < LEVEL else "not told apart"
            rows.append(row)
    return pd.DataFrame(rows, columns=["dataset", "optimizer", "variant", "ratio", "p", "verdict"])


def draw(runs: pd.DataFrame, curves: pd.DataFrame):
    """Validation accuracy by step, mean and 95 % interval over the seeds that did not diverge."""
    names = list(dict.fromkeys(runs["optimizer"]))
    figure, axes = new_figure(1, len(names), figsize=(4.7 * len(names), 5), squeeze=False)
    for axis, optimizer in zip(axes[0], names, strict=True):
        here = runs[runs["optimizer"] == optimizer]
        for variant, own in here.groupby("variant", sort=False):
            mine = curves[(curves["optimizer"] == optimizer) & (curves["variant"] == variant)]
            if mine.empty:
                continue
            looks = 100 * mine.groupby("step")["validation_accuracy"].agg(["mean", "sem", "count"])
            count = mine["seed"].nunique()
            lost = f" ({len(own) - count} diverged)" if count < len(own) else ""
            error = 0 * looks["mean"]
            if count > 1:
                error = scipy.stats.t.ppf(0.975, count - 1) * looks["sem"]
            style = "--" if variant.startswith("plain ") else "-"
            color = _COLORS[variant]
            axis.plot(looks.index, looks["mean"], style, color=color, label=variant + lost)
            low, high = looks["mean"] - error, looks["mean"] + error
            axis.fill_between(looks.index, low, high, color=color, alpha=0.15)
        axis.axhline(100 * GOAL, color="gray", linewidth=0.6, linestyle=":")
        axis.set(title=optimizer, xlabel="step", ylim=(80, 100))
        if axis.lines[1:]:
            axis.legend(fontsize=7, ncols=2, loc="lower right")
    axes[0, 0].set(ylabel="validation accuracy in %")
    return figure
