"""What is robust, what is proven, and whether norms fall alike at equal robustness."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from training.experiments import Report
from training.report.tables import mean_and_spread, percent, read_csv, summary
from training.studies.stability_training.__main__ import LADDERS
from weirdonetworks.commands.figures import new_figure

PUBLISHED = Path(__file__).with_name("published.csv")
_COLORS = {step: f"C{i}" for i, step in enumerate(LADDERS)}
LOSS = 0.01  # of the validation accuracy, that a step may cost where accuracies count as equal
_PLACE = ["dataset", "network"]
_CELL = [*_PLACE, "step", "strength"]
# Of networks that are alike but for a factor of the logits, these are equal.
_FREE = {
    "bound / margin": lambda runs: runs["lipschitz"] / runs["margin"],
    "Jacobian / margin": lambda runs: runs["jacobian_norm"] / runs["margin"],
}


def report(results: dict[str, pd.DataFrame]) -> Report:
    """Tables `answers`, `steps`, `chosen`, `equal`, `layers`, `spectra` and `published`; pictures
    `norms` and `spectra`.

    steps: each strength, attacked and proven on test images. chosen: of each step, the strength
    with the most robust validation images among those that cost at most `LOSS` of plain training's
    validation accuracy; layers and spectra are of these. equal: see `equal_robustness`; answers:
    those of its rows that no scale of the logits changes.
    """
    runs = results["runs"]
    done = runs[runs["status"] == "done"].copy()
    done = done.assign(**{name: of(done) for name, of in _FREE.items()})
    best = chosen(done)
    layers, jacobians = (results[name].merge(best, on=_CELL) for name in ("layers", "jacobians"))
    equal = equal_robustness(done, results["layers"])
    tables = {
        "answers": equal[equal["of"].isin(_FREE)] if len(equal) else equal,
        "steps": summary(done, _CELL, _ATTACKED),
        "chosen": summary(done.merge(best, on=_CELL), _CELL, _ATTACKED | _PROVEN),
        "equal": equal,
        "layers": summary(layers, [*_PLACE, "step", "layer"], _LAYERS),
        "spectra": _spectra(jacobians),
        "published": _beside_others(done),
    }
    mlp = done[done["network"] == done["network"].iloc[0]]
    return Report(tables, {"norms": _draw_norms(mlp), "spectra": _draw_spectra(jacobians)})


def _percent(values) -> str:
    return percent(values, 1) if len(values) else ""


def _number(digits: int):
    return lambda values: mean_and_spread(values, digits) if len(values) else ""


_ATTACKED = {
    "test %": ("test_accuracy", percent),
    "0.5": ("pgd_0.5", _percent),
    "1": ("pgd_1", _percent),
    "1.58": ("pgd_1.58", _percent),
    "library, 1": ("library", _percent),
    "both, 1": ("robust", _percent),
}
_PROVEN = {
    "proven 0.5": ("proven_0.5", _percent),
    "proven 1": ("proven_1", _percent),
    "proven 1.58": ("proven_1.58", _percent),
    "turned": ("turned", _percent),
    "refuted": ("refuted", lambda values: f"{values.sum():.0f}" if len(values) else ""),
}
_LAYERS = {"norm": ("norm", _number(2)), "stable rank": ("stable_rank", _number(1))}


def chosen(done: pd.DataFrame) -> pd.DataFrame:
    """A row for each network and step: its strength, by means over the seeds of the validation
    split. A network that has no plain training is compared with its most accurate one."""
    means = done.groupby(_CELL, sort=False)[["validation_accuracy", "validation_robust"]].mean()
    rows = []
    for place, part in means.reset_index().groupby(_PLACE, sort=False):
        plain = part[part["step"] == "plain"]
        base = (plain if len(plain) else part)["validation_accuracy"].max()
        for step, ladder in part.groupby("step", sort=False):
            kept = ladder[ladder["validation_accuracy"] >= base - LOSS]
            if len(kept):
                strength = kept.loc[kept["validation_robust"].idxmax(), "strength"]
                rows.append([*place, step, strength])
    return pd.DataFrame(rows, columns=_CELL)


def at_robustness(ladder: pd.DataFrame, column: str, target: float) -> float:
    """A quantity > 0 of one seed where `target` of the validation images are robust.

    The ladder, weak to strong, is gone up to the first strength that is robust enough; between it
    and the one before it, the logarithm is linear in the robust share. NaN where none is.
    """
    ladder = ladder.sort_values("strength")
    robust, values = ladder["validation_robust"].to_numpy(), np.log(ladder[column].to_numpy())
    enough = np.flatnonzero(robust >= target)
    if not len(enough):
        return math.nan
    i = enough[0]
    if i == 0:
        return float(np.exp(values[0]))
    t = (target - robust[i - 1]) / (robust[i] - robust[i - 1])
    return float(np.exp((1 - t) * values[i - 1] + t * values[i]))


def ratio(values, others) -> str:
    """The geometric mean of the ratios, seed by seed, and Student's 95 % interval of it."""
    logs = np.log(np.asarray(values, float)) - np.log(np.asarray(others, float))
    middle = np.exp(logs.mean())
    if len(logs) < 2:
        return f"{middle:.2f}"
    reach = stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs))
    return f"{middle:.2f} [{np.exp(logs.mean() - reach):.2f}, {np.exp(logs.mean() + reach):.2f}]"


def equal_robustness(done: pd.DataFrame, layers: pd.DataFrame) -> pd.DataFrame:
    """A row for each norm, a column for each step: its ratio to that of adversarial training, both
    where an equal share of validation images is robust; plain: its own at its own robustness.

    The share is the largest that all steps of a network reach with all seeds. Networks that are not
    trained adversarially are left out.
    """
    wide = layers.pivot(index=[*_CELL, "seed"], columns="layer", values="norm")
    joined = done.merge(wide.reset_index(), on=[*_CELL, "seed"])
    rows = []
    for place, part in joined.groupby(_PLACE, sort=False):
        steps = [step for step in part["step"].unique() if step != "plain"]
        plain = part[part["step"] == "plain"]
        if "adversarial" not in steps or plain.empty:
            continue
        ladders = {
            step: [
                pd.concat([plain[plain["seed"] == seed], own])
                for seed, own in part[part["step"] == step].groupby("seed")
            ]
            for step in steps
        }
        target = min(one["validation_robust"].max() for own in ladders.values() for one in own)
        names = [name for name in wide.columns if part[name].notna().all()]
        for column in [*names, "lipschitz", "jacobian_norm", *_FREE, "margin", "distance"]:
            if part[column].isna().any():
                continue
            found = {
                step: [at_robustness(one, column, target) for one in own]
                for step, own in ladders.items()
            }
            base = found.pop("adversarial")
            row = dict(zip(_PLACE, place, strict=True)) | {"robust": _percent([target])}
            row |= {"of": _NAMES.get(column, column), "plain": f"{plain[column].mean():.2f}"}
            row |= {"adversarial": mean_and_spread(base)}
            rows.append(row | {step: ratio(values, base) for step, values in found.items()})
    return pd.DataFrame(rows)


_NAMES = {"lipschitz": "bound", "jacobian_norm": "Jacobian"}


def _spectra(jacobians: pd.DataFrame) -> pd.DataFrame:
    """A row for each network and step: mean singular values of the Jacobian, by their places."""
    means = jacobians.groupby([*_PLACE, "step", "index"], sort=False)["value"].mean().unstack()
    shown = means.map(lambda value: f"{value:.2f}").reset_index()
    return shown.rename(columns=str)


def _beside_others(done: pd.DataFrame) -> pd.DataFrame:
    """Published rows, and of ours the network with the most that is proven at that radius."""
    others = read_csv(PUBLISHED)
    if "proven_1.58" in done and done["proven_1.58"].notna().any():
        means = done.groupby(_CELL)["proven_1.58"].mean()
        best = done.set_index(_CELL).loc[[means.idxmax()]]
        ours = {
            "network": f"{means.idxmax()[1]}, here",
            "radius": 1.58,
            "accuracy": percent(best["test_accuracy"]),
            "attacked": _percent(best["pgd_1.58"]),
            "proven": _percent(best["proven_1.58"]),
            "source": f"{means.idxmax()[0]}, 1,000 test images",
        }
        others = pd.concat([others, pd.DataFrame([ours])], ignore_index=True)
    return others


def _draw_norms(done: pd.DataFrame):
    """Norms against robustness: a line for each step, from plain training up its ladder."""
    panels = {
        "bound / margin": "bound on the slope / margin",
        "Jacobian / margin": "norm of the Jacobian / margin",
        "proven_radius": "median radius that is proven",
    }
    figure, axes = new_figure(1, 3, figsize=(13, 3.6))
    means = done.groupby(["step", "strength"], sort=False)[["validation_robust", *panels]].mean()
    plain = means[means.index.get_level_values("step") == "plain"]
    for axis, (column, title) in zip(axes, panels.items(), strict=True):
        for step in dict.fromkeys(means.index.get_level_values("step")):
            if step != "plain":
                line = pd.concat([plain, means.loc[[step]]])
                robust = 100 * line["validation_robust"]
                axis.plot(robust, line[column], "o-", color=_COLORS[step], ms=4, label=step)
        axis.set(yscale="log", title=title, xlabel="robust at radius 1, in % (validation)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
    return figure


def _draw_spectra(jacobians: pd.DataFrame):
    """A panel for each network: mean singular values of the Jacobian, a line for each step.

    Without the last one, which is small where adding to all logits changes no class.
    """
    means = jacobians.groupby([*_PLACE, "step", "index"], sort=False)["value"].mean().reset_index()
    means = means[means["index"] < means["index"].max()]
    panels = list(means.groupby(_PLACE, sort=False))
    size = (2.4 * len(panels) + 2, 3.2)
    figure, axes = new_figure(1, len(panels), figsize=size, squeeze=False)
    limits, shown = (means["value"].min() / 1.2, means["value"].max() * 1.2), {}
    for axis, ((_, network), part) in zip(axes[0], panels, strict=True):
        for step, own in part.groupby("step", sort=False):
            (shown[step],) = axis.plot(own["index"], own["value"], "o-", color=_COLORS[step], ms=3)
        axis.set(yscale="log", ylim=limits, title=network)
    axes[0, 0].set(ylabel="singular value of the Jacobian")
    figure.legend(shown.values(), shown, loc="outside right upper")
    return figure
