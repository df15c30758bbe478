"""How well each way finds inclusions, by noise: tables, and pictures of what they find."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from training.experiments import Report
from training.report.statistics import verdicts
from training.report.tables import mean_and_spread, percent
from training.studies.impedance import data
from training.studies.impedance.trial import SHADES
from weirdonetworks.commands.figures import new_figure

BASELINE = "softmax"


def report(results: Mapping[str, pd.DataFrame]) -> Report:
    """Tables, with the mean ± sample standard deviation over seeds, and the figure of images.

    found: IoU in %, and relative error in L2, by noise of training and test.
    transfer: IoU in % by noise of the training (down) and of the test (across).
    verdicts: what Welch's test says of the IoU of each against softmax attention, by noise.
    """
    runs = results["runs"]
    done = runs[runs["status"] == "done"]
    tables = {
        "found": _found(done),
        "transfer": _transfer(results["transfer"]),
        "verdicts": verdicts(done, {"method": BASELINE}, "test_iou", by=["noise"]),
    }
    return Report(tables, {"images": _draw(results["images"])})


def _found(done: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for method, own in done.groupby("method", sort=False):
        row = {"method": method, "numbers": f"{own['parameters'].max():,.0f}"}
        for noise, part in own.groupby("noise"):
            row[f"IoU %, noise {noise:.0%}"] = percent(part["test_iou"], 1)
        for noise, part in own.groupby("noise"):
            row[f"error, noise {noise:.0%}"] = mean_and_spread(part["test_error"], 3)
        row["seconds"] = f"{own['seconds'].median():.1f}"
        rows.append(row)
    return pd.DataFrame(rows)


def _transfer(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (method, noise), own in table.groupby(["method", "noise"], sort=False):
        row = {"method": method, "trained with noise": f"{noise:.0%}"}
        for tested, part in own.groupby("tested_noise"):
            row[f"tested with {tested:.0%}"] = percent(part["test_iou"], 1)
        rows.append(row)
    return pd.DataFrame(rows)


def _draw(table: pd.DataFrame) -> Figure:
    """Inclusions of the first seed, with each noise a row: truth, then what each way finds."""
    table = table[table["seed"] == table["seed"].min()]
    methods = list(table["method"].unique())
    rows = list(table.groupby(["noise", "image"]))
    size = (1.35 * (len(methods) + 1), 1.35 * len(rows) + 0.5)
    figure, axes = new_figure(len(rows), len(methods) + 1, figsize=size, squeeze=False)
    for line, ((noise, _), own) in zip(axes, rows, strict=True):
        first, found = own.iloc[0], dict(zip(own["method"], own["points"], strict=True))
        circle = {"x": first["x"], "y": first["y"], "radius": first["radius"]}
        inside = np.abs(data.points() - complex(first["x"], first["y"])) < first["radius"]
        _show(line[0], inside, circle)
        line[0].set_ylabel(f"noise {noise:.0%}\ns = {first['conductivity']:.2g}", fontsize=8)
        for axis, method in zip(line[1:], methods, strict=True):
            if method in found:
                shades = [SHADES.index(letter) for letter in found[method]]
                _show(axis, np.array(shades) / (len(SHADES) - 1), circle)
    for axis, title in zip(axes[0], ["truth", *methods], strict=True):
        axis.set_title(title.replace(" ", "\n"), fontsize=8)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[], frame_on=False)
    return figure


def _show(axis, values: np.ndarray, circle: Mapping[str, float]) -> None:
    """Values at the points of the disc, and the inclusion's edge."""
    image = np.full([data.GRID, data.GRID], np.nan)
    x = data.points()
    places = [np.rint((part + 1) * data.GRID / 2 - 0.5).astype(int) for part in (x.imag, x.real)]
    image[tuple(places)] = values
    axis.imshow(image, origin="lower", extent=(-1, 1, -1, 1), vmin=0, vmax=1, cmap="viridis")
    angle = np.linspace(0, 2 * np.pi, 100)
    axis.plot(
        circle["x"] + circle["radius"] * np.cos(angle),
        circle["y"] + circle["radius"] * np.sin(angle),
        color="white",
        linewidth=0.7,
    )
