"""Compares ways in which one linear form modulates another, and attention without exp.

python -m training.compare_modulation --dataset=mnist --data_dir=...

Family `mlp`: networks whose only nonlinearity is a product, at equal numbers of parameters: the
gates of `GatedDense`, and `ComodulationDense` with five kinds of alpha. Family `attention`: that
over the rows of an image, with softmax and with exp^[alpha] in the place of exp.

For each variant, the learning rate is chosen on the validation split, with a seed that is not
reported; then every seed (0 to 4 by default) is trained with it and scored once on the test set.
Each run is one of `training.train`, in a folder of its own under --workdir; runs that are there
already are not repeated, so an interrupted comparison goes on.
"""

import contextlib
import dataclasses
import functools
import itertools
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
from absl import flags
from tqdm import tqdm

from training import app, data, results, tabulate
from training import flags as shared
from training.evaluate import load_run
from training.recipes import Recipe
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
CHOICE_SEED = 1000  # of the runs that choose, whose test accuracy nobody reads
SEEDS = ["0", "1", "2", "3", "4"]
LEVEL = 0.05

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
        if not values or len(set(values)) < len(values):
            raise ValueError(f"{name} must be at least one, and each once, got {values!r}")
    for family in families:
        if family not in FAMILIES:
            raise ValueError(f"families must be among {list(FAMILIES)}, got {family!r}")
    if CHOICE_SEED in seeds:
        raise ValueError(f"seeds must leave {CHOICE_SEED} to the choice of rates, got {seeds!r}")
    table = results.Workdir(workdir)
    variants = [(family, variant) for family in families for variant in FAMILIES[family]]
    paths = {"data_dir": data_dir, "manual_dir": manual_dir}
    rows, choices, alphas = [], [], []
    number = itertools.count(1)
    total = sum(len(RATES[family]) + len(seeds) for family, _ in variants)
    with _loading_once(), tqdm(total=total, desc="runs", unit="run", disable=None) as bar:

        def train(family: str, variant: str, seed: int, rate: float) -> tuple[Path, Row]:
            what = f"{family}: {variant}, seed {seed}, rate {rate:g}"
            bar.set_postfix_str(what)
            if bar.disable:  # nobody watches: a line a run
                print(f"run {next(number)} of {total}: {what}", file=sys.stderr, flush=True)
            run = table.path / family / f"{variant.replace(' ', '_').replace('/', '')}"
            run = run / f"seed{seed}-rate{rate:g}"
            settings = {**FAMILIES[family][variant], "learning_rate": rate}
            settings["epochs"] = epochs or EPOCHS[family]
            result = _train(run, dataset, seed, settings, paths)
            bar.update()
            keys = {"family": family, "variant": variant, "learning_rate": rate, "seed": seed}
            return run, {**dict.fromkeys(COLUMNS, ""), **result, **keys}

        for family, variant in variants:
            for rate in RATES[family]:
                _, row = train(family, variant, CHOICE_SEED, rate)
                choices.append({key: row[key] for key in CHOICE_COLUMNS})
                table.write_text("choices.csv", results.to_csv(choices, CHOICE_COLUMNS))
            rate = chosen_rate(choices, family, variant)
            if rate is None:
                bar.update(len(seeds))
                continue
            for seed in seeds:
                run, row = train(family, variant, seed, rate)
                if row["status"] == "done":
                    learned = learned_alphas(run)
                    row |= _summary(learned)
                    keys = {"family": family, "variant": variant, "seed": seed}
                    alphas += [{**keys, "alpha": alpha} for alpha in learned]
                rows.append({key: row[key] for key in COLUMNS})
                table.write_text("runs.csv", results.to_csv(rows, COLUMNS))
                table.write_text(
                    "alphas.csv", results.to_csv(alphas, ("family", "variant", "seed", "alpha"))
                )
                table.write_text("table.md", to_markdown(rows, choices))
                table.write_text("conclusions.txt", "\n".join(conclusions(rows, choices)) + "\n")
                _draw(table, dataset, rows, alphas)
    return rows, choices


def _train(
    run: Path, dataset: str, seed: int, settings: Mapping[str, Any], paths: Mapping[str, Any]
) -> Row:
    """A run's result with its status, from its folder if it has ended there before."""
    arguments = {"dataset": dataset, "seed": seed, **settings}
    folder = results.Workdir(run)
    folder.claim(resolve_config(**arguments)[0], resume=True)
    for name, status in (("result.json", "done"), ("diverged.json", "diverged")):
        if (run / name).exists():
            return {**folder.read(name), "status": status}
    try:
        result = train_and_evaluate(workdir=run, resume=True, **arguments, **paths)
    except FloatingPointError as error:
        folder.write("diverged.json", {"error": str(error)})
        return {"status": "diverged"}
    return {**result, "status": "done"}


@contextlib.contextmanager
def _loading_once() -> Iterator[None]:
    """Keeps the data between runs, which would read it anew, at seconds each."""
    load = data.load
    data.load = functools.cache(load)
    try:
        yield
    finally:
        data.load = load


def chosen_rate(choices: Sequence[Row], family: str, variant: str) -> float | None:
    """The learning rate of the best validation accuracy, the smallest of equals; None if none."""
    done = [
        row
        for row in choices
        if (row["family"], row["variant"], row["status"]) == (family, variant, "done")
    ]
    if not done:
        return None
    return min(done, key=lambda row: (-row["validation_accuracy"], row["learning_rate"]))[
        "learning_rate"
    ]


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


def welch(a: Sequence[float], b: Sequence[float]) -> float:
    """The two-sided p of Welch's test that two samples have one mean; 1 where it cannot tell."""
    if len(a) < 2 or len(b) < 2:
        return 1.0
    if not np.ptp(a) and not np.ptp(b):
        return float(a[0] == b[0])
    return float(scipy.stats.ttest_ind(a, b, equal_var=False).pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """p values adjusted for their number, by Holm's step-down procedure."""
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = largest
    return adjusted


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
        parts = [
            f"{verdict} {', '.join(names) or 'none'}"
            for verdict, names in _verdicts({name: (v, base) for name, v in others.items()}).items()
        ]
        sentences.append(
            f"{family}, against the {BASELINES[family]} ({results.mean_and_spread(base)} %): "
            f"{'; '.join(parts)}."
        )
    pairs, ends = {}, []
    for (family, variant), runs in _by_variant(rows).items():
        fixed = accuracies.get((family, variant.replace("learned", "1/2")))
        if variant.endswith("learned") and runs and fixed:
            pairs[variant] = accuracies[family, variant], fixed
            ends.append(
                f"{results.mean_and_spread([row['alpha_mean'] for row in runs])} ({variant})"
            )
    if pairs:
        parts = [
            f"{verdict} {', '.join(names) or 'none'}" for verdict, names in _verdicts(pairs).items()
        ]
        sentences.append(
            f"Learned alpha goes from 0.5 to {', '.join(ends)}; against alpha = 1/2, fixed: "
            f"{'; '.join(parts)}."
        )
    return sentences


def _verdicts(pairs: Mapping[str, tuple[list[float], list[float]]]) -> dict[str, list[str]]:
    """Names with their differences in points, by what the test says of each pair."""
    verdicts: dict[str, list[str]] = {"better": [], "within the spread": [], "worse": []}
    adjusted = holm([welch(*pair) for pair in pairs.values()])
    for (name, (values, base)), p in zip(pairs.items(), adjusted, strict=True):
        difference = statistics.mean(values) - statistics.mean(base)
        better, worse = p < LEVEL and difference > 0, p < LEVEL and difference < 0
        verdict = "better" if better else "worse" if worse else "within the spread"
        verdicts[verdict].append(f"{name} ({difference:+.2f})")
    return verdicts


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
flags.adopt_module_key_flags(shared)


def main() -> None:
    workdir = Path(shared.WORKDIR.value or Path("runs") / f"modulation-{shared.DATASET.value}")
    rows, choices = compare(
        _FAMILIES.value,
        shared.DATASET.value,
        tabulate.parse_seeds(tabulate.SEEDS.value if tabulate.SEEDS.present else SEEDS),
        workdir,
        epochs=shared.EPOCHS.value,
        data_dir=shared.DATA_DIR.value,
        manual_dir=shared.MANUAL_DIR.value,
    )
    print(to_markdown(rows, choices))
    print(*conclusions(rows, choices), sep="\n")
    print("within the spread: not told apart by Welch's test at 5 %, adjusted by Holm; in points")
    files = "choices.csv, runs.csv, alphas.csv, table.md, conclusions.txt, modulation.png"
    print(f"written to {workdir}/: {files}, and a folder for each run")


if __name__ == "__main__":
    app.run(main)
