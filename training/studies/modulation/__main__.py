"""Compares ways in which one linear form modulates another, and attention without exp.

python -m training.compare_modulation --dataset=mnist --data_dir=...

Family `mlp`: networks whose only nonlinearity is a product, at equal numbers of parameters: the
gates of `GatedDense`, and `ComodulationDense` with five kinds of alpha. Family `attention`: that
over the rows of an image, with softmax and with exp^[alpha] in the place of exp.

For each variant, the learning rate is chosen on the validation split, with a seed that is not
reported; then every seed (0 to 4 by default) is trained with it and scored once on the test set.
Each run is one of `training.train`, in a folder of its own under --workdir, in a worker process
that is replaced after ten of them; runs that are there already are not repeated, so an interrupted
comparison goes on.
"""

import contextlib
import dataclasses
import functools
import itertools
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags
from tqdm import tqdm

from training.cli import app
from training.cli import checks
from training.report import statistics as comparison
from training import data
from training.engine import workdir as results
from training.studies.zoo import __main__ as tabulate
from training.experiments import executor as workers
from training.cli import flags as shared
from training.report.statistics import CHOICE_SEED
from training.evaluate import load_run
from training.engine.recipes import Recipe
from training.train import resolve_config, train_and_evaluate

# Settings of a run by the names of family and variant. Hidden sizes are such that all have the
# same number of parameters within 1 %: a nested gate has three matrices in place of two.
_ORDERS = {"0": 0.0, "1/4": 0.25, "1/2": 0.5, "3/4": 0.75}


# What the variants have in common: everything that a recipe of one of the networks could differ in.
_COMMON = dataclasses.asdict(Recipe(batch_size=100))
for _own in ("network_args", "learning_rate", "epochs"):
    del _COMMON[_own]


def _mlp(network: str, size: int, **arguments: Any) -> dict[str, Any]:
    arguments = {"hidden_sizes": (size,), "input_dropout": 0.0, "dropout": 0.0, **arguments}
    return {"network": network, "network_args": {**arguments, "scale": 1.0}, **_COMMON}


def _attention(weights: str, alpha: float, **arguments: Any) -> dict[str, Any]:
    sizes = {"size": 24, "heads": 1, "depth": 1, "mlp_size": 48, "dropout": 0.0}
    arguments = {**sizes, "weights": weights, "alpha": alpha, **arguments}
    return {"network": "row_attention", "network_args": arguments, **_COMMON}


LEARNED = {"alpha": 0.5, "trainable_alpha": True}
FAMILIES: dict[str, dict[str, dict[str, Any]]] = {
    "mlp": {
        "exp gate": _mlp("gated_mlp", 128, gate="exp"),
        "softmax gate": _mlp("gated_mlp", 128, gate="softmax"),
        "nested gate": _mlp("gated_mlp", 86, gate="nested"),
        **{
            f"comodulation {name}": _mlp("comodulation_mlp", 128, alpha=alpha)
            for name, alpha in _ORDERS.items()
        },
        "comodulation learned": _mlp("comodulation_mlp", 128, **LEARNED),
    },
    "attention": {
        "softmax": _attention("normalized", 1.0),
        **{
            f"normalized {name}": _attention("normalized", alpha)
            for name, alpha in _ORDERS.items()
            if alpha
        },
        "normalized learned": _attention("normalized", **LEARNED),
        **{
            f"comodulated {name}": _attention("comodulated", alpha)
            for name, alpha in _ORDERS.items()
        },
        "comodulated learned": _attention("comodulated", **LEARNED),
    },
}
BASELINES = {"mlp": "exp gate", "attention": "softmax"}  # chosen before any result was seen

RATES = {"mlp": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), "attention": (5e-3, 1e-2, 2e-2, 4e-2)}
EPOCHS = {"mlp": 6, "attention": 4}
SEEDS = ["0", "1", "2", "3", "4"]
_PER_PROCESS = 10  # runs of a worker: each leaves 65 MB of compiled code

CHOICE_COLUMNS = ("family", "variant", "learning_rate", "validation_accuracy", "status")
COLUMNS = (
    "family",
    "variant",
    "seed",
    "learning_rate",
    "status",
    "test_accuracy",
    "validation_accuracy",
    "parameters",
    "seconds",
    "alpha_mean",
    "alpha_spread",
    "alpha_min",
    "alpha_max",
)
Row = dict[str, Any]


def compare(
    families: Sequence[str],
    dataset: str,
    seeds: Sequence[int],
    workdir: str | Path,
    *,
    epochs: int | None = None,
    processes: int = 2,
    data_dir: str | None = None,
    manual_dir: str | None = None,
) -> tuple[list[Row], list[Row]]:
    """Chooses a learning rate for every variant, and trains it with every seed.

    Returns a row for each run of a seed, and one for each run that chose. A run whose loss or
    weights become NaN or infinite has the status "diverged" and no accuracies: such a rate is not
    chosen, and a variant that diverges at every rate has no runs.

    Writes choices.csv, runs.csv, alphas.csv (every learned alpha), table.md, conclusions.txt and
    modulation.png to the workdir after each run.

    Raises:
      ValueError: nothing to compare, a name twice, an unknown family, the seed of the choice among
        the seeds, or whatever training refuses.
    """
    for name, values in (("families", families), ("seeds", seeds)):
        checks.each_once(name, values)
    for family in families:
        if family not in FAMILIES:
            raise ValueError(f"families must be among {list(FAMILIES)}, got {family!r}")
    if CHOICE_SEED in seeds:
        raise ValueError(f"seeds must leave {CHOICE_SEED} to the choice of rates, got {seeds!r}")
    table = results.Workdir(workdir)
    variants = [(family, variant) for family in families for variant in FAMILIES[family]]
    paths = {"data_dir": data_dir, "manual_dir": manual_dir}
    total = sum(len(RATES[family]) + len(seeds) for family, _ in variants)
    number = itertools.count(1).__next__
    with tqdm(total=total, desc="runs", unit="run", disable=None) as bar:

        def train(runs: Sequence[_Run]) -> Iterator[dict[_Run, Row]]:
            """The rows so far, in the order of the runs, after each of them."""
            rows: dict[_Run, Row] = {}
            tasks = []
            for run in runs:
                settings = {**FAMILIES[run.family][run.variant], "learning_rate": run.rate}
                settings["epochs"] = epochs or EPOCHS[run.family]
                tasks.append((run, run.folder(table.path), dataset, settings, paths))
            for run, result in workers.run(_train, tasks, processes, _PER_PROCESS):
                what = f"{run.family}: {run.variant}, seed {run.seed}, rate {run.rate:g}"
                bar.set_postfix_str(what)
                bar.update()
                if bar.disable:  # nobody watches: a line a run
                    print(f"run {number()} of {total}: {what}", file=sys.stderr, flush=True)
                keys = {"family": run.family, "variant": run.variant}
                keys |= {"learning_rate": run.rate, "seed": run.seed}
                rows[run] = {**dict.fromkeys(COLUMNS, ""), **result, **keys}
                yield {run: rows[run] for run in runs if run in rows}

        choices: list[Row] = []
        for found in train([_Run(*v, CHOICE_SEED, rate) for v in variants for rate in RATES[v[0]]]):
            choices = [{key: row[key] for key in CHOICE_COLUMNS} for row in found.values()]
            table.write_text("choices.csv", results.to_csv(choices, CHOICE_COLUMNS))
        rates = {variant: chosen_rate(choices, *variant) for variant in variants}
        bar.update(len(seeds) * sum(rate is None for rate in rates.values()))
        chosen = {variant: rate for variant, rate in rates.items() if rate is not None}
        rows: list[Row] = []
        learned: dict[_Run, list[float]] = {}
        for found in train([_Run(*v, seed, rate) for v, rate in chosen.items() for seed in seeds]):
            for run in found.keys() - learned:
                done = found[run]["status"] == "done"
                learned[run] = learned_alphas(run.folder(table.path)) if done else []
            rows = [
                {key: (row | _summary(learned[run]))[key] for key in COLUMNS}
                for run, row in found.items()
            ]
            alphas = [
                {"family": run.family, "variant": run.variant, "seed": run.seed, "alpha": alpha}
                for run in found
                for alpha in learned[run]
            ]
            table.write_text("runs.csv", results.to_csv(rows, COLUMNS))
            table.write_text(
                "alphas.csv", results.to_csv(alphas, ("family", "variant", "seed", "alpha"))
            )
            table.write_text("table.md", to_markdown(rows, choices))
            table.write_text("conclusions.txt", "\n".join(conclusions(rows, choices)) + "\n")
            _draw(table, dataset, rows, alphas)
    return rows, choices


class _Run(NamedTuple):
    """What tells a run from the others of a comparison."""

    family: str
    variant: str
    seed: int
    rate: float

    def folder(self, workdir: Path) -> Path:
        variant = self.variant.replace(" ", "_").replace("/", "")
        return workdir / self.family / variant / f"seed{self.seed}-rate{self.rate:g}"


def _train(
    run: _Run,
    path: Path,
    dataset: str,
    settings: Mapping[str, Any],
    paths: Mapping[str, Any],
) -> tuple[_Run, Row]:
    """The run, and its result with its status, from its folder if it has ended there before."""
    arguments = {"dataset": dataset, "seed": run.seed, **settings}
    folder = results.Workdir(path)
    folder.claim(resolve_config(**arguments)[0], resume=True)
    for name, status in (("result.json", "done"), ("diverged.json", "diverged")):
        if (path / name).exists():
            return run, {**folder.read(name), "status": status}
    try:
        with _loading_once():
            result = train_and_evaluate(workdir=path, resume=True, **arguments, **paths)
    except FloatingPointError as error:
        folder.write("diverged.json", {"error": str(error)})
        return run, {"status": "diverged"}
    return run, {**result, "status": "done"}


@contextlib.contextmanager
def _loading_once() -> Iterator[None]:
    """Keeps the data between the runs of a process, which would read it anew, at seconds each."""
    load = data.load
    data.load = _kept(load)
    try:
        yield
    finally:
        data.load = load


@functools.lru_cache(maxsize=1)
def _kept(load):
    return functools.lru_cache(maxsize=1)(load)


def chosen_rate(choices: Sequence[Row], family: str, variant: str) -> float | None:
    """The `comparison.chosen_rate` of a variant."""
    own = [row for row in choices if (row["family"], row["variant"]) == (family, variant)]
    return comparison.chosen_rate(own)


def learned_alphas(run: Path) -> list[float]:
    """Every alpha that the network of a run has learned."""
    config = results.Workdir(run).read("config.json")
    if not config["network_args"].get("trainable_alpha"):
        return []
    module, _ = load_run(run)
    layers = [layer for layer in module.submodules if getattr(layer, "trainable_alpha", False)]
    return [float(alpha) for layer in layers for alpha in layer.alpha]


def _summary(alphas: Sequence[float]) -> Row:
    if not alphas:
        return {}
    return {
        "alpha_mean": statistics.mean(alphas),
        "alpha_spread": statistics.stdev(alphas) if len(alphas) > 1 else 0.0,
        "alpha_min": min(alphas),
        "alpha_max": max(alphas),
    }


def _by_variant(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """The runs that ended well, by family and variant; with an empty list where none did."""
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        runs = grouped.setdefault((row["family"], row["variant"]), [])
        if row["status"] == "done":
            runs.append(row)
    return grouped


def to_markdown(rows: Sequence[Row], choices: Sequence[Row]) -> str:
    """A line for each variant: mean ± sample standard deviation over its seeds."""
    lines = [
        "| family | variant | parameters | rate | seeds | accuracy % | learned alpha | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    grouped = _by_variant(rows)
    for family, variant in dict.fromkeys((row["family"], row["variant"]) for row in choices):
        runs, rate = grouped.get((family, variant), []), chosen_rate(choices, family, variant)
        diverged = sum(
            row["status"] == "diverged" and (row["family"], row["variant"]) == (family, variant)
            for row in rows
        )
        count = f"{len(runs)}, {diverged} diverged" if diverged else f"{len(runs)}"
        cells = [family, variant, "", "diverged at each" if rate is None else f"{rate:g}", count]
        if runs:
            cells[2] = f"{runs[0]['parameters']:,}"
            alphas = [row["alpha_mean"] for row in runs if row["alpha_mean"] != ""]
            cells += [
                results.mean_and_spread([100 * row["test_accuracy"] for row in runs]),
                results.mean_and_spread(alphas) if alphas else "",
                f"{statistics.mean(row['seconds'] for row in runs):.0f}",
            ]
        lines.append(f"| {' | '.join([*cells, '', '', ''][:8])} |")
    return "\n".join(lines) + "\n"


def conclusions(rows: Sequence[Row], choices: Sequence[Row]) -> list[str]:
    """A sentence for each family, and one on learned alpha.

    Each compares test accuracies with those of a variant that was named beforehand, `BASELINES`,
    respectively alpha = 1/2. "Within the spread" is what Welch's two-sided test, adjusted by Holm
    for the comparisons of the sentence, does not tell apart at the level of 5 %.
    """
    accuracies = {
        key: [100 * row["test_accuracy"] for row in runs] for key, runs in _by_variant(rows).items()
    }
    sentences = []
    for family in dict.fromkeys(row["family"] for row in choices):
        base = accuracies.get((family, BASELINES[family]))
        if not base:
            sentences.append(f"{family}: no run of the {BASELINES[family]} has ended well.")
            continue
        others = {
            variant: values
            for (of, variant), values in accuracies.items()
            if of == family and variant != BASELINES[family] and values
        }
        told = comparison.verdicts({name: (v, base) for name, v in others.items()})
        known = f"{BASELINES[family]} ({results.mean_and_spread(base)} %)"
        sentences.append(f"{family}, against the {known}: {told}.")
    pairs, ends = {}, []
    for (family, variant), runs in _by_variant(rows).items():
        fixed = accuracies.get((family, variant.replace("learned", "1/2")))
        if variant.endswith("learned") and runs and fixed:
            pairs[variant] = accuracies[family, variant], fixed
            ends.append(
                f"{results.mean_and_spread([row['alpha_mean'] for row in runs])} ({variant})"
            )
    if pairs:
        sentences.append(
            f"Learned alpha goes from 0.5 to {', '.join(ends)}; against alpha = 1/2, fixed: "
            f"{comparison.verdicts(pairs)}."
        )
    return sentences


def _draw(table: results.Workdir, dataset: str, rows: Sequence[Row], alphas: Sequence[Row]) -> None:
    """A panel for each family, a line for each variant: seeds, mean and spread; learned alpha."""
    grouped = {key: runs for key, runs in _by_variant(rows).items() if runs}
    families = list(dict.fromkeys(family for family, _ in grouped))
    if not families:
        return
    count = max(sum(of == family for of, _ in grouped) for family in families)
    columns = len(families) + bool(alphas)
    figure, axes = results.new_figure(
        1, columns, figsize=(4.6 * columns, 1.4 + 0.32 * count), squeeze=False
    )
    for axis, family in zip(axes[0], families, strict=False):
        named = {variant: runs for (of, variant), runs in grouped.items() if of == family}
        for height, runs in enumerate(named.values()):
            percent = np.array([100 * row["test_accuracy"] for row in runs])
            spread = percent.std(ddof=1) if len(percent) > 1 else 0.0
            axis.plot(percent, [height] * len(percent), "o", color="C0", markersize=3, alpha=0.5)
            axis.errorbar(percent.mean(), height, xerr=spread, fmt="|", color="C1", capsize=4)
        axis.set_yticks(range(len(named)), list(named))
        axis.invert_yaxis()
        axis.set(title=family, xlabel="test accuracy in %")
    if alphas:
        axis = axes[0, -1]
        keys = list(dict.fromkeys((row["family"], row["variant"]) for row in alphas))
        for height, key in enumerate(keys):
            values = [r["alpha"] for r in alphas if (r["family"], r["variant"]) == key]
            jitter = np.random.default_rng(0).uniform(-0.25, 0.25, len(values))
            axis.plot(values, height + jitter, "o", markersize=3, alpha=0.3 if values[9:] else 1)
        axis.axvline(0.5, color="gray", linewidth=0.8, linestyle=":")
        axis.set_yticks(range(len(keys)), [variant for _, variant in keys])
        axis.set(title="learned, from 1/2", xlabel="alpha", xlim=(-0.03, 1.03))
        axis.invert_yaxis()
    figure.suptitle(f"{dataset}: accuracy by seed, mean ± standard deviation")
    table.save_figure(figure, "modulation.png")


_FAMILIES = flags.DEFINE_list(
    "modulation_families", list(FAMILIES), f"Which of {', '.join(FAMILIES)}, separated by commas."
)
flags.declare_key_flag("seeds")
flags.declare_key_flag("workers")
flags.adopt_module_key_flags(shared)


def main() -> None:
    workdir = Path(shared.WORKDIR.value or Path("runs") / f"modulation-{shared.DATASET.value}")
    rows, choices = compare(
        _FAMILIES.value,
        shared.DATASET.value,
        tabulate.parse_seeds(tabulate.SEEDS.value if tabulate.SEEDS.present else SEEDS),
        workdir,
        epochs=shared.EPOCHS.value,
        processes=workers.WORKERS.value,
        data_dir=shared.DATA_DIR.value,
        manual_dir=shared.MANUAL_DIR.value,
    )
    print(to_markdown(rows, choices))
    print(*conclusions(rows, choices), sep="\n")
    print("not told apart: by Welch's test at 5 %, adjusted by Holm; in points")
    files = "choices.csv, runs.csv, alphas.csv, table.md, conclusions.txt, modulation.png"
    print(f"written to {workdir}/: {files}, and a folder for each run")


if __name__ == "__main__":
    app.run(main)
