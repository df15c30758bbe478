"""How many steps each method needs on each problem, and why."""

from collections.abc import Mapping

import pandas as pd

from training.experiments import Report
from training.studies.autoactivation import figures, summaries
from training.studies.autoactivation.problems import OPTIMIZERS

# The table for readers: problems, and methods with what they are called there.
_PROBLEMS = (
    "positive-dense-64-condition10",
    "positive-dense-64-condition1000",
    "signed-dense-64-condition10",
    "signed-dense-64-condition1000",
    "signed-sparse-64-condition10",
    "signed-sparse-512-online",
    "signed-dense-512-online",
    "positive-sparse-512-online",
)
_METHODS = {
    "plain": "W x",
    "plain zero": "W x, from 0",
    "plain log-normal": "W x, start of e^W",
    "exp": "e^W x",
    "square": "W² x",
    "EGU": "EGU",
    "EG": "EG",
}


def report(results: Mapping[str, pd.DataFrame]) -> Report:
    """All tables and figures of what there is; tables as transcribed if there are no runs."""
    tables, drawn = {}, {}
    if "runs" in results:
        runs = results["runs"]
        summary = summaries.summarize(runs)
        tables["steps"] = steps(summary)
        tables["comparisons"] = summaries.comparisons(runs)
        tables["gains"] = summaries.gains(summary)
        tables["online"] = summaries.online(summary)
        tables["geometry"] = summaries.geometry(runs)
        tables["edges"] = edges(summary)
        for optimizer in OPTIMIZERS:
            tables[f"steps_{optimizer}"] = summaries.by_method(summary, optimizer)
        tables["early"] = summaries.early(summary)
        drawn["steps"] = figures.draw_steps(runs)
    if "scales" in results:
        tables["scales"] = summaries.scales(results["scales"])
    if "one_rate" in results:
        tables["one_rate"] = summaries.one_rate(results["one_rate"])
        drawn["one_rate"] = figures.draw_one_rate(results["one_rate"])
    if "curves" in results:
        drawn["curves"] = figures.draw_curves(results["curves"])
    for name, table in results.items():
        if name.startswith("transcribed_"):
            tables.setdefault(name.removeprefix("transcribed_"), table.fillna(""))
    return Report(tables, drawn)


def steps(summary: pd.DataFrame) -> pd.DataFrame:
    """Median steps by SGD and by Adam of some methods on some problems, with verdicts."""
    rows = []
    for problem in _PROBLEMS:
        row = {"problem": problem}
        for method, title in _METHODS.items():
            own = summary[(summary["problem"] == problem) & (summary["method"] == method)]
            found = {r["optimizer"]: summaries.cell(r) for _, r in own.iterrows()}
            if found:
                row[title] = f"{found['sgd']} · {found['adam']}"
        if len(row) > 1:
            rows.append(row)
    return pd.DataFrame(rows)


def edges(summary: pd.DataFrame) -> pd.DataFrame:
    """Where the rate is at the edge of its grid after all extensions."""
    own = summary[summary["rate_at_edge"]]
    rows = [{"problem": "all", "method": f"{len(own)} of {len(summary)}", "optimizer": ""}]
    return pd.DataFrame([*rows, *own[["problem", "method", "optimizer"]].to_dict("records")])
