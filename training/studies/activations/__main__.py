"""Compares the activations of `wn.functional.ACTIVATIONS` in two networks.

python -m training.compare_activations --data_dir=...

Heats: every activation in an MLP, where it is all that is not linear, and in the MLP of attention
over the rows of an image, a residual branch, as in the transformers that some were made for; on
--dataset, the embedded digits by default. Finals: those with the best validation accuracy of the
heats, and ReLU and GELU, on full MNIST and Fashion-MNIST. Networks differ in nothing else; maxout
halves the width of hidden layers, and so has fewer parameters.

For each, the learning rate is chosen on the validation split, with a seed that is not reported,
from half decades that go on until the best is none of the ends; then every seed is trained with it
and scored once on the test set. Each run leaves a file under --workdir and is not repeated, so an
interrupted comparison goes on.
"""

import functools
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
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
from training.engine.recipes import Recipe
from training.engine.trainer import Trainer
from weirdonetworks import _checks
from weirdonetworks.functional import ACTIVATIONS

NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"hidden_sizes": (100, 100), "dropout": 0.0},
    "row_attention": {"size": 16, "mlp_size": 64, "alpha": 1.0, "dropout": 0.0},
}
RATES = {"mlp": (1e-3, 3e-3, 1e-2, 3e-2), "row_attention": (3e-3, 1e-2, 3e-2, 1e-1)}
# On which these lie, and go on while the best of them is at an end.
_LADDER = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0)


class Effort(NamedTuple):
    """How long a network is trained in heats and finals."""

    epochs: Mapping[str, int]
    batch_size: int


HEATS = Effort({"mlp": 20, "row_attention": 15}, 50)
FINALS = Effort({"mlp": 10, "row_attention": 6}, 100)
FINALISTS = 5
ALWAYS = ("relu", "gelu")
BASELINE = "gelu"  # the networks' default; chosen before any result was seen

COLUMNS = (
    "dataset",
    "network",
    "activation",
    "learning_rate",
    "seed",
    "status",
    "validation_accuracy",
    "test_accuracy",
    "parameters",
    "seconds",
)
CHOICE_COLUMNS = tuple(name for name in COLUMNS if name not in ("seed", "test_accuracy"))
# What a worker compiles for an activation and a network, some 150 MB, is freed only by its end.
_PER_PROCESS = 8
Row = dict[str, Any]


class Task(NamedTuple):
    """All runs of one activation in one network on one data set."""

    dataset: str
    network: str
    activation: str
    epochs: int
    batch_size: int
    seeds: tuple[int, ...]
    workdir: str
    data_dir: str | None
    manual_dir: str | None


def compare(
    activations: Sequence[str],
    networks: Sequence[str],
    dataset: str,
    finals: Sequence[str],
    seeds: Sequence[int],
    workdir: str | Path,
    *,
    epochs: int | None = None,
    processes: int = 2,
    data_dir: str | None = None,
    manual_dir: str | None = None,
) -> tuple[list[Row], list[Row]]:
    """Heats on `dataset`, then finals on each data set of `finals`.

    Returns a row for each run of a seed, and one for each run that chose. A run whose loss or
    weights become NaN or infinite has the status "diverged" and no accuracies: such a rate is not
    chosen, and where every rate diverges, so does every seed, untried.

    Writes choices.csv, runs.csv, table.md and conclusions.txt to the workdir after each activation,
    activations.png after each data set. `epochs`: of every run, in place of `HEATS` and `FINALS`.

    Raises:
      ValueError: nothing to compare, a name twice, an unknown name, seeds that are not integers
        >= 0 or hold the seed of the choice, epochs that are not an integer >= 1, a workdir of other
        settings, or whatever training refuses.
      OSError: data that cannot be had.
    """
    for name, values in (("activations", activations), ("networks", networks), ("seeds", seeds)):
        checks.each_once(name, values)
    for activation in activations:
        _checks.choice("activations", activation, ACTIVATIONS)
    for network in networks:
        _checks.choice("networks", network, NETWORKS)
    checks.seeds(seeds)
    if epochs is not None:
        _checks.integer("epochs", epochs)
    _checks.choice("dataset", dataset, data.DATASETS)
    if isinstance(finals, str) or not isinstance(finals, Sequence):
        raise ValueError(f"finals must be a sequence of data sets, got {finals!r}")
    for name in finals:
        _checks.choice("finals", name, data.DATASETS)
    datasets = [dataset, *finals]
    if len(set(datasets)) < len(datasets):
        raise ValueError(f"finals must be other data sets, and each once, got {list(finals)!r}")
    if CHOICE_SEED in seeds:
        raise ValueError(f"seeds must leave {CHOICE_SEED} to the choice of rates, got {seeds!r}")
    _checks.integer("workers", processes, minimum=0)
    table = results.Workdir(workdir)
    given = {"data_dir": data_dir, "manual_dir": manual_dir}
    paths = dict.fromkeys(datasets, given)
    if finals:  # the folders are theirs: embedded heats take none
        paths["mnist_5k"] = dict.fromkeys(given)
    for name in datasets:  # what is missing shows before the work begins
        data.load(name, **paths[name])
    table.claim(_config(dataset, epochs), resume=True)
    rows: list[Row] = []
    choices: list[Row] = []
    names = [*activations, *ALWAYS]  # the latter run in the finals whether or not in the heats

    def stage(name: str, effort: Effort, chosen: Sequence[str]) -> None:
        tasks = [
            Task(
                name,
                network,
                activation,
                effort.epochs[network] if epochs is None else epochs,
                effort.batch_size,
                tuple(seeds),
                str(table.path),
                **paths[name],
            )
            for network in networks
            for activation in chosen
        ]
        with tqdm(total=len(tasks), desc=name, unit="activation", disable=None) as bar:
            for done, (task, own_choices, own_rows) in enumerate(
                workers.run(run_task, [(task,) for task in tasks], processes, _PER_PROCESS), 1
            ):
                bar.set_postfix_str(f"{task.activation} in {task.network}")
                bar.update()
                if bar.disable:  # nobody watches: a line each
                    what = f"{task.activation} in {task.network} on {name}"
                    print(f"{done} of {len(tasks)}: {what}", file=sys.stderr, flush=True)
                choices.extend(own_choices)
                rows.extend(own_rows)
                for part in (choices, rows):  # workers finish in any order
                    part.sort(key=lambda row: _order(row, datasets, networks, names))
                write(table, rows, choices)
        _draw(table, rows)

    stage(dataset, HEATS, activations)
    chosen = finalists(rows)
    for name in finals:
        stage(name, FINALS, chosen)
    return rows, choices


def _config(dataset: str, epochs: int | None) -> Row:
    """What a run depends on besides its own name."""
    efforts = {"heats": HEATS._asdict(), "finals": FINALS._asdict()}
    return {"dataset": dataset, "networks": NETWORKS, "epochs": epochs, **efforts}


def _order(row: Row, *places: Sequence[str]) -> tuple[int, ...]:
    keys = ("dataset", "network", "activation")
    return tuple(place.index(row[key]) for key, place in zip(keys, places, strict=True))


def run_task(task: Task) -> tuple[Task, list[Row], list[Row]]:
    """The task, a row for each run that chose, and one for each seed; from files that are there."""
    make = functools.cache(functools.partial(_trainer, task))
    choices, rate = choose(
        lambda rate: _run(task, make, CHOICE_SEED, rate, False), RATES[task.network]
    )
    if rate is None:
        rows = [{**dict.fromkeys(COLUMNS, ""), **choices[0], "seed": seed} for seed in task.seeds]
        rows = [{**row, "learning_rate": "", "seconds": ""} for row in rows]
    else:
        rows = [_run(task, make, seed, rate, True) for seed in task.seeds]
    return (
        task,
        [{key: row[key] for key in CHOICE_COLUMNS} for row in choices],
        [{key: row[key] for key in COLUMNS} for row in rows],
    )


def choose(run: Callable[[float], Row], rates: Sequence[float]) -> tuple[list[Row], float | None]:
    """The runs of these rates, and of those beyond while the best is at an end; and the best.

    None if all of the first ones diverge.
    """
    tried = {rate: run(rate) for rate in rates}
    while (best := comparison.chosen_rate(list(tried.values()))) is not None:
        place, size = _LADDER.index(best), len(tried)
        for beyond in _LADDER[max(place - 1, 0) : place + 2]:
            if beyond not in tried:
                tried[beyond] = run(beyond)
        if len(tried) == size:
            break
    return [tried[rate] for rate in sorted(tried)], best


def recipe(task: Task) -> Recipe:
    """How the task's runs are trained."""
    arguments = {**NETWORKS[task.network], "activation": task.activation}
    return Recipe(arguments, epochs=task.epochs, batch_size=task.batch_size)


def _trainer(task: Task) -> Trainer:
    splits = _splits(task.dataset, data.load, data_dir=task.data_dir, manual_dir=task.manual_dir)
    return Trainer(task.network, splits, recipe(task))


@functools.lru_cache(maxsize=1)
def _splits(dataset: str, load, **paths: str | None) -> data.Dataset:
    return load(dataset, **paths)


def _run(task: Task, make, seed: int, rate: float, score_test: bool) -> Row:
    folder = results.Workdir(
        Path(task.workdir) / "runs" / task.dataset / task.network / task.activation
    )
    name = f"seed{seed}-rate{rate:g}.json"
    if not (folder.path / name).exists():
        keys = dict(zip(COLUMNS, [*task[:3], rate, seed], strict=False))
        folder.write(name, {**keys, **make().run(seed, rate, score_test)})
    return folder.read(name)


def ranking(rows: Sequence[Row]) -> list[str]:
    """The activations by their mean validation accuracy over all runs of these rows, the best
    first; those of which a run diverged, or has not been made, behind all others."""
    runs: dict[str, list[Row]] = {}
    for row in rows:
        runs.setdefault(row["activation"], []).append(row)
    complete = max(map(len, runs.values()), default=0)

    def key(name: str) -> tuple[bool, float]:
        done = [row["validation_accuracy"] for row in runs[name] if row["status"] == "done"]
        return len(done) < complete, -statistics.mean(done or [0.0])

    return sorted(runs, key=key)


def finalists(rows: Sequence[Row]) -> list[str]:
    """`ALWAYS`, and of the others the first `FINALISTS` of the ranking of the heats."""
    return [*ALWAYS, *[name for name in ranking(rows) if name not in ALWAYS][:FINALISTS]]


def _grouped(rows: Sequence[Row]) -> dict[tuple[str, str], dict[str, list[Row]]]:
    """The rows by (data set, network) and activation."""
    groups: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in rows:
        group = groups.setdefault((row["dataset"], row["network"]), {})
        group.setdefault(row["activation"], []).append(row)
    return groups


def _percent(runs: Sequence[Row]) -> list[float]:
    """The test accuracies of the runs that ended well."""
    return [100 * row["test_accuracy"] for row in runs if row["status"] == "done"]


def write(table: results.Workdir, rows: Sequence[Row], choices: Sequence[Row]) -> None:
    """All files but the picture and those of the runs."""
    table.write_text("choices.csv", results.to_csv(choices, CHOICE_COLUMNS))
    table.write_text("runs.csv", results.to_csv(rows, COLUMNS))
    table.write_text("table.md", to_markdown(rows))
    table.write_text("conclusions.txt", "\n".join(conclusions(rows)) + "\n")


def to_markdown(rows: Sequence[Row]) -> str:
    """A line for each activation, by the `ranking` of the heats, a column for each data set and
    network: test accuracy in %, mean ± sample standard deviation over the seeds."""
    if not rows:
        return ""
    groups = _grouped(rows)
    heats = [row for row in rows if row["dataset"] == rows[0]["dataset"]]
    lines = [
        f"| activation | {' | '.join(f'{network}, {dataset}' for dataset, network in groups)} |",
        f"|---|{'---|' * len(groups)}",
    ]
    for name in ranking(heats):
        cells = [_cell(group[name]) if name in group else "" for group in groups.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(runs: Sequence[Row]) -> str:
    done = _percent(runs)
    if len(done) == len(runs):
        return results.mean_and_spread(done)
    failed = f"{len(runs) - len(done)} of {len(runs)} diverged"
    return f"{results.mean_and_spread(done)} ({failed})" if done else failed


def conclusions(rows: Sequence[Row]) -> list[str]:
    """A sentence for each data set and network, against the `BASELINE`, on test accuracy."""
    sentences = []
    for (dataset, network), groups in _grouped(rows).items():
        base = _percent(groups.get(BASELINE, []))
        if not base:
            sentences.append(f"{dataset}, {network}: no run of {BASELINE} has ended well.")
            continue
        pairs = {
            name: (_percent(runs), base)
            for name, runs in groups.items()
            if name != BASELINE and _percent(runs)
        }
        sentences.append(
            f"{dataset}, {network}, against {BASELINE} ({results.mean_and_spread(base)} %): "
            f"{comparison.verdicts(pairs)}."
        )
    return sentences


def _draw(table: results.Workdir, rows: Sequence[Row]) -> None:
    """A panel for each data set and network, a line for each activation, the best on top."""
    panels = {}
    for key, groups in _grouped(rows).items():
        done = {name: _percent(runs) for name, runs in groups.items() if _percent(runs)}
        if done:
            panels[key] = done
    if not panels:
        return
    count = max(map(len, panels.values()))
    figure, axes = results.new_figure(
        1, len(panels), figsize=(3.6 * len(panels), 1.2 + 0.2 * count), squeeze=False
    )
    for axis, ((dataset, network), groups) in zip(axes[0], panels.items(), strict=True):
        names = sorted(groups, key=lambda name: -statistics.mean(groups[name]))
        for height, name in enumerate(names):
            percent = np.array(groups[name])
            spread = percent.std(ddof=1) if len(percent) > 1 else 0.0
            color = "C3" if name in ALWAYS else "C0"
            axis.plot(percent, [height] * len(percent), "o", color=color, markersize=3, alpha=0.5)
            axis.errorbar(percent.mean(), height, xerr=spread, fmt="|", color=color, capsize=3)
        # What fails would press all others into a line.
        best = statistics.mean(groups[names[0]])
        middle = statistics.mean(groups[names[len(names) // 2]])
        axis.set_xlim(max(axis.get_xlim()[0], best - 5 * (best - middle) - 1), None)
        axis.set_yticks(range(len(names)), names, fontsize=7)
        axis.invert_yaxis()
        axis.set(title=f"{dataset}, {network}", xlabel="test accuracy in %")
    figure.suptitle("accuracy by seed, mean ± standard deviation; far worse ones lie outside")
    table.save_figure(figure, "activations.png")


_ACTIVATIONS = flags.DEFINE_list(
    "compared_activations", None, "Which activations, separated by commas; all by default."
)
_NETWORKS = flags.DEFINE_list(
    "activation_networks", list(NETWORKS), f"Which of {', '.join(NETWORKS)}, separated by commas."
)
_FINALS = flags.DEFINE_list(
    "finals",
    ["mnist", "fashion_mnist"],
    f"The data sets on which the best {FINALISTS} meet {' and '.join(ALWAYS)}; none if empty.",
)
flags.declare_key_flag("seeds")
flags.declare_key_flag("workers")
flags.adopt_module_key_flags(shared)


def main() -> None:
    workdir = Path(shared.WORKDIR.value or Path("runs") / f"activations-{shared.DATASET.value}")
    rows, choices = compare(
        list(ACTIVATIONS) if _ACTIVATIONS.value is None else _ACTIVATIONS.value,
        _NETWORKS.value,
        shared.DATASET.value,
        _FINALS.value,
        tabulate.parse_seeds(tabulate.SEEDS.value),
        workdir,
        epochs=shared.EPOCHS.value,
        processes=workers.WORKERS.value,
        data_dir=shared.DATA_DIR.value,
        manual_dir=shared.MANUAL_DIR.value,
    )
    print(to_markdown(rows))
    print(*conclusions(rows), sep="\n")
    print("not told apart: by Welch's test at 5 %, adjusted by Holm; in points")
    files = "config.json, choices.csv, runs.csv, table.md, conclusions.txt, activations.png"
    print(f"written to {workdir}/: {files}, and a file for each run under runs/")


if __name__ == "__main__":
    app.run(main)
