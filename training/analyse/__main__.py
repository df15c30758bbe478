"""What a trained network looks like: spectra, covariances, alignment, and networks drawn anew.

python -m training.analyse --workdir=runs/A --workdir=runs/B

Takes one or two finished runs of `training.train`. For every dense layer, before training and
after it: the spectrum of the weights against the law of Marchenko and Pastur, size and effective
rank. For two runs, which must be trainings of one network on one data set: the rotations that align
their hidden layers, and what is left. For each run: how well networks classify that are drawn from
the covariances of its layers (Guth et al. 2023). See `weirdonetworks.analysis`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf
from absl import flags
from tqdm import tqdm

import weirdonetworks as wn
from training.cli import app
from training import data
from training.engine import workdir as results
from training.analyse import sampled
from training.cli import flags as shared
from training.evaluate import load_run
from training.engine.invariant_start import average_over_rotations
from weirdonetworks.analysis import activations, align_networks, dense_layers, operator, spectrum

Row = dict[str, Any]

STATES = ("initial", "trained")
SPECTRA = (
    "run",
    "state",
    "layer",
    "inputs",
    "outputs",
    "size",
    "norm",
    "effective_rank",
    "participation_ratio",
    "stable_rank",
    "variance",
    "edge",
    "threshold",
    "edge_scale",
    "largest",
    "outliers",
    "distance",
)
ALIGNMENT = ("state", "layer", "what", "aligned", "unaligned", "random")
SAMPLES = ("run", *sampled.COLUMNS)


def analyse(
    workdirs: Sequence[str | Path],
    folder: str | Path,
    *,
    draws: int = 3,
    images: int = 10_000,
    data_dir: str | None = None,
    manual_dir: str | None = None,
) -> dict[str, Any]:
    """Analyses one finished run, or two of one network on one data set; returns the report.

    Args:
      folder: a new or empty one, or that of the same analysis, for config.json, report.json,
        spectra.csv, eigenvalues.csv, samples.csv, spectra.png, eigenvalues.png, samples.png,
        table.txt, and for two runs alignment.csv and alignment.png. No samples of networks without
        a hidden layer, or without a bias in the last one: there is nothing to draw or to fit anew.
      draws: how many networks of each kind are drawn from each run; those of two runs share random
        numbers if the runs have one seed, see `sampled.draw_seed`.
      images: how many training images networks are aligned on. What is left of an alignment is
        measured on the validation images; accuracies are those of validation and test.

    Raises:
      ValueError: no run, an unfinished or damaged one, more than two, one twice, runs of different
        networks or data sets, a network that `wn.analysis` cannot take apart, or a folder of
        something else.
      OSError: data that cannot be had, a folder that cannot be written.
    """
    for name, value in (("draws", draws), ("images", images)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an integer >= 1, got {value!r}")
    workdirs = [Path(workdir) for workdir in workdirs]
    if not 1 <= len(workdirs) <= 2:
        raise ValueError(f"workdir must be given once or twice, got {len(workdirs)} folders")
    if len({workdir.resolve() for workdir in workdirs}) < len(workdirs):
        raise ValueError(f"workdir must name two different runs, got {workdirs[0]} twice")
    for workdir in workdirs:
        results.Workdir(workdir).read("result.json")  # of a finished run only
    loaded = [load_run(workdir) for workdir in workdirs]
    _check_comparable(workdirs, [config for _, config in loaded])
    for workdir, (network, config) in zip(workdirs, loaded, strict=True):
        _check_seed(workdir, config)
        activations(network, tf.random.stateless_uniform([2, *data.IMAGE_SHAPE], [0, 0]))
    run = results.Workdir(folder)
    names = {"workdirs": [str(workdir) for workdir in workdirs]}
    run.claim({**names, "draws": draws, "images": images}, resume=True)
    splits = data.load(loaded[0][1]["dataset"], data_dir=data_dir, manual_dir=manual_dir)
    networks = {
        state: [initial_network(config) if state == "initial" else n for n, config in loaded]
        for state in STATES
    }
    rows: dict[str, list[Row]] = {"spectra": [], "eigenvalues": [], "alignment": [], "samples": []}
    for state, pair in networks.items():
        for number, network in enumerate(pair):
            keys = {"run": "AB"[number], "state": state}
            spectra, eigenvalues = describe(network)
            rows["spectra"] += [{**keys, **row} for row in spectra]
            rows["eigenvalues"] += [{**keys, **row} for row in eigenvalues]
    _write(run, "spectra.csv", rows["spectra"], SPECTRA)
    columns = ("run", "state", "layer", "index", "eigenvalue")
    _write(run, "eigenvalues.csv", rows["eigenvalues"], columns)
    _draw_spectra(run, rows)
    _draw_eigenvalues(run, rows)
    if len(loaded) == 2:
        inputs = sampled.some_images(splits.train, images)
        held_out = sampled.some_images(splits.validation, images)
        for state, pair in networks.items():
            rows["alignment"] += [
                {"state": state, **row} for row in compare(*pair, inputs, held_out)
            ]
        _write(run, "alignment.csv", rows["alignment"], ALIGNMENT)
        _draw_alignment(run, rows["alignment"])
    *hidden, head = dense_layers(loaded[0][0])
    if hidden and head.with_bias:
        total = len(loaded) * (1 + draws * len(sampled.DRAWS))
        with tqdm(total=total, desc="networks drawn and scored", unit="", disable=None) as bar:
            for number, (network, config) in enumerate(loaded):
                scores = sampled.score_samples(
                    network, splits, config["seed"], draws, images, bar.update
                )
                rows["samples"] += [{"run": "AB"[number], **row} for row in scores]
                _write(run, "samples.csv", rows["samples"], SAMPLES)
        _draw_samples(run, rows["samples"])
    report = {
        **names,
        "network": loaded[0][1]["network"],
        "dataset": splits.name,
        **{name: rows[name] for name in ("spectra", "alignment", "samples")},
        "versions": results.versions(),
    }
    run.write_text("table.txt", to_text(report))
    run.write("report.json", report)
    return report


def initial_network(config: dict[str, Any]) -> snt.Module:
    """The network of a run before its first step: its seed gives the weights."""
    network = wn.create_network(config["network"], data.NUM_CLASSES, **config["network_args"])
    tf.random.set_seed(config["seed"])
    network(tf.zeros([1, *data.IMAGE_SHAPE]))
    if config.get("invariant_start"):
        average_over_rotations(network, data.IMAGE_SHAPE)
    return network


def describe(network: snt.Module) -> tuple[list[Row], list[Row]]:
    """A row for each dense layer, and one for each eigenvalue of W W^T / out.

    Of the eigenvalues, the min(in, out) that are not 0 by the shape alone. The law's variance is
    that of the bulk, so that outliers do not hide behind their own size. None stands for what a
    layer does not have: a law, where its weights have half the full rank or less, and ranks, where
    they are all 0.
    """
    rows, eigenvalues = [], []
    for layer, linear in enumerate(dense_layers(network), start=1):
        weights = linear.w.numpy()
        row: Row = {"layer": layer, "inputs": weights.shape[0], "outputs": weights.shape[1]}
        row |= dict.fromkeys(SPECTRA[5:])  # what is measured
        values = np.zeros(min(weights.shape))
        if weights.any():
            shape, found = operator(weights), spectrum(weights)
            values = found.eigenvalues[: len(values)]
            row |= {key: value for key, value in shape._asdict().items() if key != "shape"}
            if 2 * found.rank > len(values):
                row |= _against_the_law(weights)
        else:
            row |= {"size": 0.0, "norm": 0.0}
        rows.append({**row, "largest": float(values[0])})
        for index, value in enumerate(values):
            eigenvalues.append({"layer": layer, "index": index, "eigenvalue": float(value)})
    return rows, eigenvalues


def _against_the_law(weights: np.ndarray) -> Row:
    found = spectrum(weights, variance="bulk")
    return {
        "variance": found.law.variance,
        "edge": found.law.edges[1],
        "threshold": found.threshold,
        "edge_scale": found.edge_scale,
        "outliers": found.outliers,
        "distance": found.distance,
    }


def compare(first: snt.Module, second: snt.Module, inputs, held_out) -> list[Row]:
    """What is left between two networks: rows of hidden layers and of covariances of weights."""
    found = align_networks(first, second, inputs, held_out)
    rows = [
        {
            "layer": layer,
            "what": "activations",
            "aligned": hidden.residual,
            "unaligned": hidden.unaligned,
            "random": hidden.random,
        }
        for layer, hidden in enumerate(found.hidden, start=1)
    ]
    for layer, weights in enumerate(found.weights, start=1):
        for kind in ("frobenius", "bures"):
            aligned = getattr(weights, kind)
            unaligned = getattr(weights, f"{kind}_unaligned")
            row = {"layer": layer, "what": f"covariances, {kind}", "aligned": aligned}
            rows.append({**row, "unaligned": unaligned, "random": ""})
    return rows


def _check_seed(workdir: Path, config: dict[str, Any]) -> None:
    seed = config.get("seed")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise ValueError(
            f"{workdir / 'config.json'} is damaged: it lacks the seed of a run, an integer in "
            f"[0, 2^31), got {seed!r}"
        )


def _check_comparable(workdirs: Sequence[Path], configs: Sequence[dict[str, Any]]) -> None:
    if len(configs) < 2:
        return
    differing = [
        f"{key}: {configs[0][key]!r} in {workdirs[0]}, {configs[1][key]!r} in {workdirs[1]}"
        for key in ("network", "network_args", "dataset")
        if configs[0][key] != configs[1][key]
    ]
    if differing:
        raise ValueError(
            "workdir must name two trainings of one network on one data set, got "
            + "; ".join(differing)
        )


def _write(run: results.Workdir, name: str, rows: Sequence[Row], columns: Sequence[str]) -> None:
    run.write_text(name, results.to_csv(rows, columns))


def to_text(report: dict[str, Any]) -> str:
    """The tables of a report."""
    form = "{:4}{:9}{:>6}{:>12}{:>8}{:>8}{:>15}{:>12}{:>10}{:>10}"
    head = ("run", "state", "layer", "in x out", "size", "norm", "effective rank", "stable rank")
    lines = [form.format(*head, "outliers", "distance")]
    for row in report["spectra"]:
        cells = [row["run"], row["state"], row["layer"], f"{row['inputs']} x {row['outputs']}"]
        measured = [("size", ".2f"), ("norm", ".2f"), ("effective_rank", ".1f")]
        measured += [("stable_rank", ".1f"), ("outliers", "d"), ("distance", ".3f")]
        cells += ["-" if row[key] is None else f"{row[key]:{spec}}" for key, spec in measured]
        lines.append(form.format(*cells))
    if report["alignment"]:
        form = "{:10}{:>6}  {:24}{:>9}{:>11}{:>8}"
        lines += ["", form.format("state", "layer", "what is left of", *ALIGNMENT[3:])]
        for row in report["alignment"]:
            values = (row[key] for key in ALIGNMENT[3:])
            cells = [value if value == "" else f"{value:.4f}" for value in values]
            lines.append(form.format(row["state"], row["layer"], row["what"], *cells))
    if not report["samples"]:
        lines += [
            "",
            "no networks are drawn: that takes a hidden layer, and a bias in the last one",
        ]
        return "\n".join(line.rstrip() for line in lines) + "\n"
    form = "{:4}{:12}{:12}{:>22}{:>22}"
    lines += ["", form.format("run", "hidden", "head", "validation %", "test %")]
    for (name, hidden, head), scores in by_kind(report["samples"]).items():
        cells = [results.mean_and_spread([100 * value for value in values]) for values in scores]
        lines.append(form.format(name, hidden, head, *cells))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def by_kind(samples: Sequence[Row]) -> dict[tuple[str, str, str], tuple[list[float], list[float]]]:
    """Validation and test accuracies of all draws, by run, hidden layers and head."""
    groups: dict[tuple[str, str, str], tuple[list[float], list[float]]] = {}
    for row in samples:
        scores = groups.setdefault((row["run"], row["hidden"], row["head"]), ([], []))
        scores[0].append(row["validation_accuracy"])
        scores[1].append(row["test_accuracy"])
    return groups


def _values(rows: Sequence[Row], **keys: Any) -> list[float]:
    return [r["eigenvalue"] for r in rows if all(r[key] == keys[key] for key in keys)]


def _draw_spectra(run: results.Workdir, rows: dict[str, list[Row]]) -> None:
    """A panel for each layer and state: the eigenvalues of all runs, and the law of the first."""
    layers = max(row["layer"] for row in rows["spectra"])
    runs = sorted({row["run"] for row in rows["spectra"]})
    figure, axes = results.new_figure(
        len(STATES), layers, figsize=(3.6 * layers, 5.4), squeeze=False
    )
    for line, state in zip(axes, STATES, strict=True):
        for layer, axis in enumerate(line, start=1):
            draw_spectrum(
                axis,
                [_values(rows["eigenvalues"], run=r, state=state, layer=layer) for r in runs],
                next(
                    row for row in rows["spectra"] if (row["state"], row["layer"]) == (state, layer)
                ),
            )
            axis.set(title=f"layer {layer}, {state}")
    axes[0, 0].legend()
    figure.suptitle("Eigenvalues of W W^T / out that are not 0, against Marchenko and Pastur")
    run.save_figure(figure, "spectra.png")


def draw_spectrum(axis, eigenvalues: Sequence[Sequence[float]], row: Row) -> None:
    """Histograms of eigenvalues, a line for each run, against the law of a row of `describe`.

    The axis is that of the root, on which the small ones do not crowd.
    """
    roots = [np.sqrt(values) for values in eigenvalues]
    has_law = row["variance"] is not None
    top = 1.05 * max(row["edge"] ** 0.5 if has_law else 0.0, *(values[0] for values in roots))
    bins = np.linspace(0, top or 1.0, 41)
    for number, values in enumerate(roots):
        axis.hist(
            values, bins, density=True, histtype="step", color=f"C{number}", label="AB"[number]
        )
    axis.set(xlabel="root of the eigenvalue", yticks=[])
    if not has_law:
        return
    law = wn.analysis.MarchenkoPastur(row["inputs"] / row["outputs"], row["variance"])
    x = np.linspace(*np.sqrt(law.edges), 400)[1:-1]
    # Of the root, and of the eigenvalues that are not 0.
    axis.plot(x, 2 * x * law.density(x**2) / (1 - law.mass_at_zero), "k", linewidth=1, label="law")
    axis.axvline(row["threshold"] ** 0.5, color="gray", linewidth=0.8, linestyle=":")


def _draw_eigenvalues(run: results.Workdir, rows: dict[str, list[Row]]) -> None:
    """A panel for each layer: eigenvalues of the covariance by rank, initial and trained."""
    layers = max(row["layer"] for row in rows["spectra"])
    figure, axes = results.new_figure(1, layers, figsize=(3.6 * layers, 3), squeeze=False)
    for layer, axis in enumerate(axes[0], start=1):
        for number, name in enumerate(sorted({row["run"] for row in rows["spectra"]})):
            for state, style in zip(STATES, (":", "-"), strict=True):
                values = _values(rows["eigenvalues"], run=name, state=state, layer=layer)
                values = [value for value in values if value > 0]
                ranks = np.arange(1, len(values) + 1)
                label = f"{name}, {state}"
                axis.loglog(ranks, values, style, color=f"C{number}", label=label)
        axis.set(xlabel="rank", title=f"layer {layer}")
    axes[0, 0].set(ylabel="eigenvalue of the covariance")
    axes[0, 0].legend()
    run.save_figure(figure, "eigenvalues.png")


def _draw_alignment(run: results.Workdir, rows: Sequence[Row]) -> None:
    """What is left: a panel for activations and for each distance of covariances."""
    kinds = list(dict.fromkeys(row["what"] for row in rows))
    figure, axes = results.new_figure(1, len(kinds), figsize=(3.8 * len(kinds), 3), squeeze=False)
    for axis, what in zip(axes[0], kinds, strict=True):
        for number, how in enumerate(("aligned", "unaligned", "random")):
            for state, style in zip(STATES, ("o:", "o-"), strict=True):
                points = [
                    (row["layer"], row[how])
                    for row in rows
                    if (row["what"], row["state"]) == (what, state) and row[how] != ""
                ]
                if points:
                    label = f"{how}, {state}"
                    axis.plot(*zip(*points, strict=True), style, color=f"C{number}", label=label)
        axis.set(xlabel="layer", title=what, ylim=(0, None))
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set(ylabel="what is left, 0: nothing")
    axes[0, 0].legend(fontsize=7)
    run.save_figure(figure, "alignment.png")


def _draw_samples(run: results.Workdir, samples: Sequence[Row]) -> None:
    """Accuracies of the trained and of the drawn networks, a line for each kind."""
    figure, axis = results.new_figure(figsize=(6.5, 3.2))
    kinds = [(hidden, head) for hidden in sampled.KINDS for head in sampled.HEADS]
    for height, (hidden, head) in enumerate(kinds):
        for number, name in enumerate("AB"):
            scores = by_kind(samples).get((name, hidden, head), ([], []))[1]
            label = None if height or not scores else f"from {name}"
            percent = [100 * score for score in scores]
            heights = [height + 0.2 * number] * len(percent)
            axis.plot(percent, heights, "o", color=f"C{number}", markersize=4, label=label)
    axis.set_yticks(range(len(kinds)), [f"{hidden}, head {head}" for hidden, head in kinds])
    axis.invert_yaxis()
    axis.set(xlabel="test accuracy in %", xlim=(0, 101), title="Hidden layers drawn anew")
    axis.legend()
    run.save_figure(figure, "samples.png")


_FOLDER = flags.DEFINE_string(
    "analysis_dir", None, "Where the analysis goes; runs/analysis-A-B by default."
)
DRAWS = flags.DEFINE_integer("draws", 3, "Networks of each kind that are drawn from a run.", 1)
IMAGES = flags.DEFINE_integer(
    "analysis_images", 10_000, "Training images on which networks are aligned, at most.", 1
)
for _name in ("workdir", "data_dir", "manual_dir"):
    flags.declare_key_flag(_name)


def main() -> None:
    workdirs = [workdir for workdir in shared.WORKDIRS.value or [] if workdir]
    if not workdirs:
        raise ValueError(
            "workdir must be given: --workdir=FOLDER of a run, and again for another one"
        )
    names = "-".join(Path(workdir).name for workdir in workdirs)
    folder = Path(_FOLDER.value or Path("runs") / f"analysis-{names}")
    report = analyse(
        workdirs,
        folder,
        draws=DRAWS.value,
        images=IMAGES.value,
        data_dir=shared.DATA_DIR.value,
        manual_dir=shared.MANUAL_DIR.value,
    )
    for name, workdir in zip("AB", report["workdirs"], strict=False):
        print(f"{name}: {workdir}")
    print()
    print(to_text(report))
    print(
        "size: |W|_F; norm: |W|_2; outliers: eigenvalues of W W^T / out beyond what 1 % of random"
    )
    print("matrices of a known variance reach (up to 6 % with the variance of the bulk, as here);")
    print("distance: of Kolmogorov and Smirnov, to the law of random matrices;")
    if any(row["distance"] is None for row in report["spectra"]):
        print("-: not there, of weights with half the full rank or less, which have no bulk;")
    if report["alignment"]:
        print("left: 0 nothing, 1 all, on validation images; random: after a random rotation;")
    if report["samples"]:
        print(f"hidden layers drawn {DRAWS.value} times from each run: mean ± standard deviation")
    files = ["config.json", "report.json", "table.txt"]
    files += ["spectra.csv, spectra.png", "eigenvalues.csv, eigenvalues.png"]
    files += ["alignment.csv, alignment.png"] if report["alignment"] else []
    files += ["samples.csv, samples.png"] if report["samples"] else []
    print(f"written to {folder}/: {', '.join(files)}")


if __name__ == "__main__":
    app.run(main)
