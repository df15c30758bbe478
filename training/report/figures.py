"""Curves and dots."""

from weirdonetworks.commands.figures import new_figure


def draw_metrics(history, title: str):
    """Loss and accuracy by epoch, of a table with a row an epoch."""
    figure, (left, right) = new_figure(1, 2, figsize=(9, 3.4))
    left.plot(history["epoch"], history["loss"], "o-", markersize=3)
    left.set(xlabel="epoch", ylabel="training loss", yscale="log")
    for key, label in (("train_accuracy", "training"), ("validation_accuracy", "validation")):
        right.plot(history["epoch"], 100 * history[key], "o-", markersize=3, label=label)
    right.set(xlabel="epoch", ylabel="accuracy in %")
    right.legend()
    figure.suptitle(title)
    return figure


def dots(axis, groups, colors=None) -> None:
    """A line for each name of `groups`: its values as dots, mean ± sample standard deviation.

    groups: {name: values}, drawn from the top down in their order; colors: {name: colour}.
    """
    import numpy as np

    for height, (name, values) in enumerate(groups.items()):
        values = np.asarray(values, float)
        color = (colors or {}).get(name, "C0")
        spread = values.std(ddof=1) if len(values) > 1 else 0.0
        axis.plot(values, [height] * len(values), "o", color=color, markersize=3, alpha=0.5)
        axis.errorbar(values.mean(), height, xerr=spread, fmt="|", color=color, capsize=3)
    axis.set_yticks(range(len(groups)), list(groups))
    axis.invert_yaxis()


def accuracy_dots(done, by, line, baseline, size):
    """A panel of `size` for each group of equal `by`: test accuracy, `dots` for each `line`."""
    panels = list(done.groupby(list(by), sort=False))
    width, height = size
    figure, axes = new_figure(1, len(panels), figsize=(width * len(panels), height), squeeze=False)
    for axis, (key, part) in zip(axes[0], panels, strict=True):
        groups = {
            name: 100 * group["test_accuracy"] for name, group in part.groupby(line, sort=False)
        }
        dots(axis, groups, {baseline: "C3"})
        axis.set(title=", ".join(map(str, key)), xlabel="test accuracy in %")
    return figure
