"""The picture of a fitted law: how well it fits, what is left, how it goes on outside the data."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from weirdonetworks.commands.figures import new_figure
from weirdonetworks.regression import PosynomialRegressor

# How many columns are drawn at most.
_COLUMNS = 6
# How far beyond the data, as a factor.
_BEYOND = 10.0


def draw(regressor: PosynomialRegressor, x: pd.DataFrame, y: pd.Series, held: np.ndarray) -> Figure:
    """The figure of a law, for rows of which some were held out of the fit.

    On the left the law against the measurements, and the residuals. To the right, for each column
    of those with most influence: above, the law along it from a tenth of its least to ten times its
    largest value, the others at their geometric means, with the training range shaded; below, the
    residuals. Grey bars are two standard deviations of y, as the noise model has them or as they
    were given. The measurements are moved there along the law: each point lies as far from the
    curve as its row lies from the law. Residuals are in % of the measurements' root mean square,
    or of each prediction if errors are relative.
    """
    law, name = regressor.law_, _literal(regressor.law_.target)
    columns = _influential(regressor, x)
    values, measured = x.to_numpy(), y.to_numpy()
    predicted = law.predict(values)
    relative = regressor.noise_ in ("relative", "mixed")
    scale = predicted if relative else np.sqrt(np.mean(np.square(measured)))
    residuals = 100 * (measured - predicted) / scale
    fitted = np.flatnonzero(~held)
    fitted = fitted[np.setdiff1d(np.arange(len(fitted)), regressor.evidence_["outliers"])]
    bars = 200 * regressor.deviations_ / (np.abs(predicted[fitted]) if relative else scale)
    band = {"fmt": "none", "ecolor": "0.85", "elinewidth": 3, "zorder": 0}
    groups = [(~held, "C0", "fitted")] + [(held, "C3", "held out")] * bool(held.any())
    points = {"linestyle": "", "marker": ".", "alpha": 0.6}
    size = 1 + len(columns)
    figure, axes = new_figure(2, size, squeeze=False, figsize=(3.4 * size, 5.6))
    for where, color, label in groups:
        axes[0, 0].plot(measured[where], predicted[where], color=color, label=label, **points)
        axes[1, 0].plot(predicted[where], residuals[where], color=color, **points)
    axes[1, 0].errorbar(predicted[fitted], np.zeros(len(fitted)), bars, **band)
    ends = [measured.min(), measured.max()]
    axes[0, 0].plot(ends, ends, color="black", linewidth=0.8)
    logarithmic = bool(np.all(measured > 0) and np.all(predicted > 0))
    axes[0, 0].set(xlabel=f"{name} measured", ylabel=f"{name} by the law")
    unit = "the prediction" if relative else f"the RMS of {name}"
    axes[1, 0].set(xlabel=f"{name} by the law", ylabel=f"residual in % of {unit}")
    if logarithmic:
        for axis in (axes[0, 0].xaxis, axes[0, 0].yaxis, axes[1, 0].xaxis):
            _set_logarithmic(axis)
    for j, column in enumerate(columns, 1):
        upper, lower = axes[:, j]
        low, high = (float(end[column]) for end in regressor.box_)
        path = np.geomspace(low / _BEYOND, high * _BEYOND, 301)
        curve = _along(regressor, values, column, path)
        inside = (path >= low) & (path <= high)
        upper.plot(path, curve, "--", color="black", linewidth=1)
        upper.plot(path[inside], curve[inside], color="black", linewidth=1.5)
        upper.axvspan(low, high, color="C0", alpha=0.12, linewidth=0)
        there = _along(regressor, values, column, values[:, column])
        # As a factor where there is one: a residual of the others' size would be off the scale.
        moved = there * (measured / predicted) if logarithmic else there + measured - predicted
        for where, color, _ in groups:
            upper.plot(values[where, column], moved[where], color=color, **points)
            lower.plot(values[where, column], residuals[where], color=color, **points)
        lower.errorbar(values[fitted, column], np.zeros(len(fitted)), bars, **band)
        upper.set(ylabel=name, title=f"along {_literal(law.names[column])}")
        lower.set(xlabel=_literal(law.names[column]))
        _set_logarithmic(upper.xaxis)
        _set_logarithmic(lower.xaxis)
        if logarithmic and np.all(curve > 0):
            _set_logarithmic(upper.yaxis)
        else:  # what grows as a power would leave the measurements no room
            known = moved[np.isfinite(moved)]
            middle, reach = (known.max() + known.min()) / 2, 1.5 * np.ptp(known)
            if reach > 0:
                upper.set_ylim(middle - reach, middle + reach)
    for axis in axes[1]:
        axis.axhline(0, color="black", linewidth=0.8)
    left_out = len(law.names) - len(columns)
    note = f", without {left_out} columns of less influence" if left_out else ""
    title = f"{law.formula(4)}   ({regressor.status_}{note})"
    figure.suptitle(textwrap.fill(title, 50 * size), fontsize=11)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _literal(name: str) -> str:
    """The name as a label in which matplotlib sees no formula."""
    return name.replace("$", r"\$")


def _set_logarithmic(axis: Axis) -> None:
    """A logarithmic scale with few ticks, even over less than a decade."""
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    low, high = np.log10(axis.get_data_interval())
    if high - low < 2:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high - low > 0.5 else range(1, 10)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _influential(regressor: PosynomialRegressor, x: pd.DataFrame) -> list[int]:
    """The columns over whose spread the terms change most, in their own order."""
    exponents = np.abs(np.array(regressor.law_.exponents, np.float64))
    influence = exponents.max(axis=0) * np.log(x.to_numpy()).std(axis=0)
    return sorted(np.argsort(-influence, kind="stable")[:_COLUMNS].tolist())


def _along(
    regressor: PosynomialRegressor, values: np.ndarray, column: int, path: np.ndarray
) -> np.ndarray:
    """The law where one column goes along a path and the others stay at their geometric means."""
    rows = np.tile(np.exp(np.log(values).mean(axis=0)), (len(path), 1))
    rows[:, column] = path
    return regressor.law_.predict(rows)
