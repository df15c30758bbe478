"""How the accuracy of networks drawn from a trained one's covariances grows with width.

python -m training.rainbow_widths --dataset=mnist --data_dir=...

MLPs of two hidden layers of equal width, each width with every seed, trained alike. From each,
networks are drawn: with the covariances of its layers, aligned to it; the same without alignment;
and white ones, which keep no more than the size of the weights. Each is scored with the trained
last layer and with one that is fitted anew. For each pair of seeds: how far the networks are
rotations of each other. See `training.analyse`, and Guth, Menard, Rochette and Mallat 2023.

Each run is one of `training.train` in a folder of its own; runs, and networks that are scored, are
not repeated, so an interrupted comparison goes on.
"""

import itertools
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from tqdm import tqdm

from training.analyse.__main__ import __main__ as analyse
from training.cli import app
from training.cli import checks
from training import data
from training.engine import workdir as results
from training.analyse import sampled
from training.studies.zoo import __main__ as tabulate
from training.cli import flags as shared
from training.evaluate import load_run
from training.train import train_and_evaluate

Row = dict[str, Any]

# Of all widths, and not chosen for any: large batches and few epochs, so that it is quick.
SETTINGS: dict[str, Any] = {"batch_size": 500, "learning_rate": 2e-3}
EPOCHS = 5
DEPTH = 2
COLUMNS = ("width", "seed", *sampled.COLUMNS)
ALIGNMENT = ("width", "first", "second", *analyse.ALIGNMENT)


def compare(
    widths: Sequence[int],
    dataset: str,
    seeds: Sequence[int],
    workdir: str | Path,
    *,
    epochs: int = EPOCHS,
    draws: int = 3,
    images: int = 10_000,
    data_dir: str | None = None,
    manual_dir: str | None = None,
) -> tuple[list[Row], list[Row]]:
    """Trains, draws and aligns: a row for each network that is scored, and for each alignment.

    Writes config.json, samples.csv, alignment.csv, table.md, conclusions.txt and widths.png to the
    workdir after each width.

    Raises:
      ValueError: no widths or seeds, one of them twice, widths, draws or images that are not
        integers >= 1, a workdir of another comparison, or whatever training refuses.
    """
    for name, values in (("widths", widths), ("seeds", seeds)):
        checks.each_once(name, values)
    named = [("draws", draws), ("images", images), *(("widths", width) for width in widths)]
    for name, value in named:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be integers >= 1, got {value!r}")
    table = results.Workdir(workdir)
    settings = {"widths": list(widths), "dataset": dataset, "seeds": list(seeds), "epochs": epochs}
    table.claim({**settings, "draws": draws, "images": images, **SETTINGS}, resume=True)
    paths = {"data_dir": data_dir, "manual_dir": manual_dir}
    splits = data.load(dataset, **paths)
    rows: list[Row] = []
    aligned: list[Row] = []
    pairs = list(itertools.combinations(seeds, 2))
    drawn = 1 + draws * len(sampled.DRAWS)
    total = len(widths) * (len(seeds) * (1 + drawn) + len(pairs))
    with tqdm(total=total, desc="trained, drawn, aligned", unit="", disable=None) as bar:
        for width in widths:
            runs = {seed: table.path / f"width{width}-seed{seed}" for seed in seeds}
            for seed, run in runs.items():
                arguments = {"hidden_sizes": (width,) * DEPTH, "dropout": 0.0}
                train_and_evaluate(
                    "mlp", dataset, run, seed=seed, resume=True, epochs=epochs,
                    network_args=arguments, **SETTINGS, **paths,
                )  # fmt: skip
                bar.update()
                scored = _kept(
                    results.Workdir(run),
                    "samples.json",
                    lambda run=run, seed=seed: sampled.score_samples(
                        load_run(run)[0], splits, seed, draws, images, bar.update
                    ),
                )
                rows += [{"width": width, "seed": seed, **row} for row in scored]
            for first, second in pairs:
                found = _kept(
                    table,
                    f"alignment-width{width}-seeds{first}-{second}.json",
                    lambda pair=(runs[first], runs[second]): _align(*pair, splits, images),
                )
                keys = {"width": width, "first": first, "second": second}
                aligned += [{**keys, **row} for row in found]
                bar.update()
            table.write_text("samples.csv", results.to_csv(rows, COLUMNS))
            table.write_text("alignment.csv", results.to_csv(aligned, ALIGNMENT))
            table.write_text("table.md", to_markdown(rows, aligned))
            table.write_text("conclusions.txt", "\n".join(conclusions(rows)) + "\n")
            _draw(table, dataset, rows, aligned)
    return rows, aligned


def _kept(run: results.Workdir, name: str, measure: Callable[[], list[Row]]) -> list[Row]:
    """The rows that the folder keeps under this name, measured if it has none."""
    if not (run.path / name).exists():
        run.write(name, {"rows": measure()})
    return run.read(name)["rows"]


def _align(first: Path, second: Path, splits: data.Dataset, images: int) -> list[Row]:
    """Alignments of two runs, before training and after it."""
    loaded = [load_run(run) for run in (first, second)]
    inputs = sampled.some_images(splits.train, images)
    held_out = sampled.some_images(splits.validation, images)
    networks = {
        "initial": [analyse.initial_network(config) for _, config in loaded],
        "trained": [network for network, _ in loaded],
    }
    return [
        {"state": state, **row}
        for state, pair in networks.items()
        for row in analyse.compare(*pair, inputs, held_out)
    ]


def _scores(rows: Sequence[Row], **keys: Any) -> list[float]:
    """Test accuracies in %: the mean over the draws from each trained network."""
    found: dict[int, list[float]] = {}
    for row in rows:
        if all(row[key] == value for key, value in keys.items()):
            found.setdefault(row["seed"], []).append(100 * row["test_accuracy"])
    return [statistics.mean(values) for values in found.values()]


def _left(aligned: Sequence[Row], **keys: Any) -> list[float]:
    return [row["aligned"] for row in aligned if all(row[k] == v for k, v in keys.items())]


def to_markdown(rows: Sequence[Row], aligned: Sequence[Row]) -> str:
    """A line for each width: mean ± sample standard deviation over the trained networks."""
    kinds = list(itertools.product(sampled.KINDS, sampled.HEADS))
    names = [f"{hidden}, {'head' if head == 'trained' else 'refitted'}" for hidden, head in kinds]
    names[:2] = ["trained", "trained, refitted"]
    layers = range(1, DEPTH + 1)
    names += [f"left, layer {layer}" for layer in layers]
    lines = [f"| width | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for width in dict.fromkeys(row["width"] for row in rows):
        cells = [
            results.mean_and_spread(_scores(rows, width=width, hidden=hidden, head=head))
            for hidden, head in kinds
        ]
        keys = {"width": width, "state": "trained", "what": "activations"}
        for layer in layers:
            left = _left(aligned, layer=layer, **keys)
            cells.append(results.mean_and_spread(left, 3) if left else "")
        lines.append(f"| {' | '.join([str(width), *cells])} |")
    return "\n".join(lines) + "\n"


def conclusions(rows: Sequence[Row]) -> list[str]:
    """What came out, in three sentences."""
    widths = list(dict.fromkeys(row["width"] for row in rows))

    def series(hidden: str, head: str) -> str:
        means = [statistics.mean(_scores(rows, width=w, hidden=hidden, head=head)) for w in widths]
        return ", ".join(f"{mean:.1f}" for mean in means)

    lost = [
        statistics.mean(_scores(rows, width=w, hidden="trained", head="trained"))
        - statistics.mean(_scores(rows, width=w, hidden="aligned", head="trained"))
        for w in widths
    ]
    return [
        f"At the widths {', '.join(map(str, widths))}, networks drawn from the aligned covariances "
        f"of trained ones classify {series('aligned', 'trained')} % of the test images without any "
        f"training, {', '.join(f'{points:.1f}' for points in lost)} points less than those they "
        "are drawn from.",
        f"Without alignment they classify {series('unaligned', 'trained')} %, and white weights, "
        f"aligned, {series('white', 'trained')} %.",
        f"With a last layer fitted anew it is {series('aligned', 'refitted')} % aligned, "
        f"{series('unaligned', 'refitted')} % without alignment and {series('white', 'refitted')} "
        f"% for white weights, against {series('trained', 'refitted')} % on trained hidden layers.",
    ]


def _draw(
    table: results.Workdir, dataset: str, rows: Sequence[Row], aligned: Sequence[Row]
) -> None:
    """Left, accuracy by width; right, what is left of the alignment of two trainings."""
    figure, (left, right) = results.new_figure(1, 2, figsize=(10.5, 4))
    draw_accuracies(left, rows)
    left.set(title=f"{dataset}: hidden layers drawn anew")
    for layer, state in itertools.product(range(1, DEPTH + 1), analyse.STATES):
        points = [
            (row["width"], row["aligned"])
            for row in aligned
            if (row["layer"], row["state"], row["what"]) == (layer, state, "activations")
        ]
        if points:
            style = "o:" if state == "initial" else "o-"
            widths = list(dict.fromkeys(width for width, _ in points))
            means = [statistics.mean(v for w, v in points if w == width) for width in widths]
            label = f"layer {layer}, {state}"
            right.plot(widths, means, style, color=f"C{layer - 1}", markersize=4, label=label)
    right.set(yscale="log", title="left after aligning two trainings")
    _width_axis(right, [row["width"] for row in rows])
    if aligned:
        right.legend(fontsize=8)
    table.save_figure(figure, "widths.png")


def draw_accuracies(axis, rows: Sequence[Row]) -> None:
    """Mean test accuracy by width, a line for each kind; a dot for each network."""
    for number, hidden in enumerate(sampled.KINDS):
        for head, style in zip(sampled.HEADS, ("-", ":"), strict=True):
            chosen = [row for row in rows if (row["hidden"], row["head"]) == (hidden, head)]
            widths = list(dict.fromkeys(row["width"] for row in chosen))
            means = [statistics.mean(_scores(chosen, width=width)) for width in widths]
            color, label = f"C{number}", f"{hidden}, head {head}"
            axis.plot(widths, means, style, color=color, label=label)
            percent = [100 * row["test_accuracy"] for row in chosen]
            axis.plot([row["width"] for row in chosen], percent, "o", color=color, markersize=2)
    axis.set(ylabel="test accuracy in %")
    _width_axis(axis, [row["width"] for row in rows])
    axis.legend(fontsize=7)


def _width_axis(axis, widths: Sequence[int]) -> None:
    axis.set(xlabel="width of the hidden layers", xscale="log")
    ticks = sorted(set(widths))
    axis.set_xticks(ticks, ticks)
    axis.minorticks_off()


_WIDTHS = flags.DEFINE_list(
    "rainbow_widths", ["64", "256", "1024"], "Of the two hidden layers, separated by commas."
)
for _name in ("draws", "analysis_images", "seeds"):
    flags.declare_key_flag(_name)
flags.adopt_module_key_flags(shared)


def parse_widths(words: Sequence[str]) -> list[int]:
    """The widths as integers; raises ValueError for other words."""
    try:
        return [int(word) for word in words]
    except ValueError:
        raise ValueError(f"rainbow_widths must be integers, got {','.join(words)!r}") from None


def main() -> None:
    workdir = Path(shared.WORKDIR.value or Path("runs") / f"rainbow-{shared.DATASET.value}")
    rows, aligned = compare(
        parse_widths(_WIDTHS.value),
        shared.DATASET.value,
        tabulate.parse_seeds(tabulate.SEEDS.value),
        workdir,
        epochs=shared.EPOCHS.value or EPOCHS,
        draws=analyse.DRAWS.value,
        images=analyse.IMAGES.value,
        data_dir=shared.DATA_DIR.value,
        manual_dir=shared.MANUAL_DIR.value,
    )
    print(to_markdown(rows, aligned))
    print(*conclusions(rows), sep="\n")
    print("test accuracy in %, mean ± standard deviation over the trained networks; head: the")
    print("trained last layer; left: of an alignment of two trainings, on validation images, of 1")
    files = "config.json, samples.csv, alignment.csv, table.md, conclusions.txt, widths.png"
    print(f"written to {workdir}/: {files}, and a folder for each run")


if __name__ == "__main__":
    app.run(main)
