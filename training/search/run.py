"""All trials of a search, and what it found."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from training.data import Dataset, load
from training.engine.recipes import Recipe
from training.engine.run import check_step, settings
from training.experiments import executor
from training.experiments.progress import Progress
from training.report.provenance import provenance
from training.report.tables import percent, to_csv
from training.search.spaces import FAMILIES, fits
from training.search.trials import JOURNAL, begin, perform, rows_of, study_of
from weirdonetworks.commands.figures import new_figure
from weirdonetworks.commands.folder import Sealed


def search(
    dataset: str,
    numbers: Sequence[int],
    workdir: Path,
    *,
    families: Sequence[str],
    step: str = "plain",
    step_args: dict[str, Any] | None = None,
    epochs: int = 20,
    trials: int = 50,
    workers: int = 2,
    cluster: str | None = None,
    paths: dict[str, str | None] | None = None,
) -> pd.DataFrame:
    """Makes so many trials for each of `numbers`, or what is missing of them; returns all of them.

    Writes config.json, journal.log (Optuna's), search.csv, best.json and frontier.png. It chooses
    by the validation split, with one seed; the test set is never read. Which trials are made
    depends on which end first, where several run at once. `workers` and `cluster` as for
    `executor.run`; the nodes of a cluster must share the folder.

    Raises:
      ValueError: a folder of another search, a step or a family that the data do not admit, numbers
        for which no family has a network, or trials of which none was trained to its end.
      OSError: it cannot be written, a worker was killed, or a cluster cannot be reached.
    """
    given = {key: value for key, value in (paths or {}).items() if value is not None}
    data = load(dataset, **given)
    check_step(Recipe({}, step=step, step_args=step_args or {}), data)
    for name in families:
        if "group" in settings(FAMILIES[name].network, data, Recipe({}))["network_args"]:
            data.check_pictures("families", name)
    config = {
        "search": list(numbers), "dataset": dataset, "data_sha256": data.sha256,
        "families": list(families), "step": step, "step_args": step_args or {}, "epochs": epochs,
    }  # fmt: skip
    files = Sealed(workdir)
    with files.alone():
        files.claim(config, resume=True)
        journal = files.path / JOURNAL
        fitting = {most: _fitting(families, most, data) for most in numbers}
        for most in numbers:
            begin(study_of(journal, most, epochs, create=True), fitting[most])
        progress = Progress("search")
        try:
            tasks = _tasks(journal, numbers, trials, progress)
            rest = ((step, json.dumps(step_args or {})), epochs)
            work = [
                (str(journal.absolute()), most, dataset, tuple(given.items()), fitting[most], *rest)
                for most in tasks
            ]
            for place, told in executor.run(perform, work, workers=workers, cluster=cluster):
                progress.done(_told(work[place][1], told))
        finally:
            progress.close()
            executor.close()
            table = _write(files, journal, numbers, config)
    if best_of(table).empty:
        raise ValueError(
            f"trials must be more, for none of {trials} was trained to its end: their shapes did "
            "not fit, or they diverged"
        )
    return table


def _fitting(families: Sequence[str], most: int, data: Dataset) -> tuple[str, ...]:
    """The families of which some network has at most so many numbers."""
    found = tuple(name for name in families if fits(FAMILIES[name], most, data))
    if not found:
        raise ValueError(
            f"numbers must leave room for a network of {', '.join(families)}, got {most}"
        )
    return found


def _tasks(journal: Path, numbers: Sequence[int], trials: int, progress: Progress) -> list[int]:
    """Of how many numbers each trial is that is missing, in turn."""
    missing = {}
    for most in numbers:
        made = sum(trial.state.is_finished() for trial in study_of(journal, most, 1).trials)
        progress.more(trials)
        progress.found(min(made, trials))
        missing[most] = max(0, trials - made)
    return [most for i in range(max(missing.values())) for most in numbers if i < missing[most]]


def _told(most: int, row: dict[str, Any]) -> str:
    if "network" not in row:
        return f"at most {most}: a shape that does not fit"
    accuracy = row.get("validation_accuracy")
    told = "diverged" if accuracy is None else f"{100 * accuracy:.2f} %"
    return f"at most {most}: {row['network']} of {row['numbers']}, {told}"


def _write(files: Sealed, journal: Path, numbers: Sequence[int], config: dict) -> pd.DataFrame:
    rows = [row for most in numbers for row in rows_of(study_of(journal, most, 1), most)]
    table = pd.DataFrame(rows)
    if best_of(table).empty:
        if rows:
            files.write_text("search.csv", to_csv(table))
        return table
    files.write_text("search.csv", to_csv(table))
    best = {str(row["at_most"]): _best(row, config) for _, row in best_of(table).iterrows()}
    made = {str(most): int(count) for most, count in table["at_most"].value_counts().items()}
    told = provenance(own_command(config, max(made.values())))
    files.write("best.json", {"search": config, "trials": made, "best": best, **told})
    files.save_figure(_draw(table), "frontier.png")
    return table


def best_of(table: pd.DataFrame) -> pd.DataFrame:
    """The row of each number with the best validation accuracy, of trials that were not stopped."""
    if table.empty:
        return table
    done = table[table["status"] == "done"]
    if done.empty:
        return done
    return done.loc[done.groupby("at_most")["validation_accuracy"].idxmax()]


def _best(row: pd.Series, config: dict[str, Any]) -> dict[str, Any]:
    arguments = json.loads(row["network_args"])
    fields = ("optimizer", "learning_rate", "batch_size", "averaging", "label_smoothing")
    recipe = {name: row[name].item() if hasattr(row[name], "item") else row[name]
              for name in fields}  # fmt: skip
    recipe |= {"epochs": config["epochs"], "step": config["step"],
               "step_args": config["step_args"], "network_args": arguments}  # fmt: skip
    return {
        "network": row["network"],
        "numbers": int(row["numbers"]),
        "validation_accuracy": float(row["validation_accuracy"]),
        "recipe": recipe,
        "command": command(row["network"], config["dataset"], recipe),
    }


def own_command(config: dict[str, Any], trials: int) -> str:
    """That makes so many trials of the search for each number."""
    lists = {"numbers": config["search"], "families": config["families"]}
    joined = {name: ",".join(map(str, values)) for name, values in lists.items()}
    rest = {name: config[name] for name in ("dataset", "step", "step_args", "epochs")}
    return _command("training.search", {**joined, **rest, "trials": trials})


def command(network: str, dataset: str, recipe: dict[str, Any]) -> str:
    """That trains such a network."""
    return _command("training.train", {"network": network, "dataset": dataset, **recipe})


def _command(module: str, settings: dict[str, Any]) -> str:
    """A mapping `things` has a flag `thing` for each of its values."""
    words = ["python", "-m", module]
    for name, value in settings.items():
        if isinstance(value, dict):
            flag = name.removesuffix("s")
            words += [f"--{flag}={key}={_literal(one)}" for key, one in value.items()]
        else:
            words.append(f"--{name}={value}")
    return shlex.join(words)


def _literal(value: Any) -> str:
    value = tuple(tuple(v) if isinstance(v, list) else v for v in value) if isinstance(
        value, list) else value  # fmt: skip
    return str(value).replace(" ", "")


def _draw(table: pd.DataFrame):
    """Validation accuracy against numbers, a colour for each network; stopped trials are small."""
    figure, axis = new_figure(figsize=(7, 4.2))
    for i, (network, part) in enumerate(table.groupby("network", sort=False)):
        done = part[part["status"] == "done"]
        rest = part[part["status"] == "stopped"]
        for rows, size in ((done, 5), (rest, 2)):
            axis.plot(
                rows["numbers"], 100 * rows["validation_accuracy"], "o", markersize=size,
                color=f"C{i % 10}", label=network if size == 5 else None,
            )  # fmt: skip
    best = best_of(table)
    axis.plot(best["numbers"], 100 * best["validation_accuracy"], "-", color="0.6", zorder=0)
    top = 100 * table["validation_accuracy"].max()
    axis.set(xscale="log", xlabel="trained numbers", ylabel="validation accuracy in %")
    axis.set_ylim(top - 8, top + 0.5)
    axis.legend(fontsize="small")
    return figure


def lines_of(table: pd.DataFrame) -> list[str]:
    """What was found, for people."""
    return [
        f"at most {row.at_most:,}: {row.network} of {row.numbers:,} numbers, "
        f"{percent([row.validation_accuracy])} % of the validation split"
        for row in best_of(table).itertuples()
    ]
