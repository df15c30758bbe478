"""One trial: a network and a recipe are drawn, and trained as long as they keep up."""

import functools
import json
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
import tensorflow as tf

from training.data import Dataset, load
from training.engine.loop import Loop
from training.engine.recipes import Recipe
from training.engine.run import resolve
from training.engine.scoring import Scorer
from training.experiments import CHOICE_SEED
from training.search.spaces import FAMILIES, largest

JOURNAL = "journal.log"
_REDUCTION = 3  # of three trials, one goes on at each rung


# What each family is tried with first; then the sampler draws.
FIRST = {
    **{"optimizer": "muon", "learning_rate": 1e-2, "batch_size": 100},
    **{"averaging": 0.999, "label_smoothing": 0.0, "dropout": 0.0},
}
_OWN = {
    "turned": {"optimizer": "adam", "learning_rate": 3e-3, "batch_size": 200, "averaging": 0.99},
}


def first(family: str) -> dict[str, Any]:
    """What a family is tried with first, beside its own choices."""
    return {**FIRST, **_OWN.get(family, {})}


def begin(study: optuna.Study, families: Sequence[str]) -> None:
    """Puts the first trial of each family before all others, in a study that has none yet."""
    if not study.trials:
        for name in families:
            choices = {f"{name}.{key}": 0 for key in FAMILIES[name].choices}
            study.enqueue_trial({"family": name, **choices, **first(name)})


def study_of(journal: Path, numbers: int, epochs: int, create: bool = False) -> optuna.Study:
    """The trials of at most so many numbers, in a journal that many processes may write."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    storage = optuna.storages.JournalStorage(backend)
    if create:
        optuna.create_study(
            study_name=str(numbers), storage=storage, direction="maximize", load_if_exists=True
        )
    study = optuna.load_study(study_name=str(numbers), storage=storage)
    with warnings.catch_warnings():  # that what is used here may change in a later Optuna
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.sampler = optuna.samplers.TPESampler(
            multivariate=True, group=True, constant_liar=True, seed=numbers + len(study.trials)
        )
    study.pruner = optuna.pruners.SuccessiveHalvingPruner(
        min_resource=-(-epochs // _REDUCTION**2), reduction_factor=_REDUCTION
    )
    return study


def perform(
    journal: str,
    numbers: int,
    dataset: str,
    paths: tuple[tuple[str, str], ...],
    families: tuple[str, ...],
    step: tuple[str, str],
    epochs: int,
) -> dict[str, Any]:
    """Makes one trial, writes it to the journal, and tells how it went."""
    data, study = _dataset(dataset, paths), study_of(Path(journal), numbers, epochs)
    trial = study.ask()
    try:
        study.tell(trial, _objective(trial, data, numbers, families, step, epochs))
    except optuna.TrialPruned:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    except FloatingPointError:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return dict(trial.user_attrs)


@functools.lru_cache(maxsize=1)
def _dataset(name: str, paths: tuple[tuple[str, str], ...]) -> Dataset:
    return load(name, **dict(paths))


def _objective(
    trial: optuna.Trial,
    dataset: Dataset,
    most: int,
    families: Sequence[str],
    step: tuple[str, str],
    epochs: int,
) -> float:
    """The accuracy on the validation split after the last epoch; the test set is not read."""
    name = trial.suggest_categorical("family", list(families))
    family, choices = FAMILIES[name], {}
    for key, values in family.choices.items():
        # A journal holds no tuples: they are chosen by their place.
        place = trial.suggest_categorical(f"{name}.{key}", range(len(values)))
        choices[key] = values[place]
    found = largest(family, choices, most, dataset)
    recipe_fields = {
        "optimizer": trial.suggest_categorical("optimizer", ["muon", "adam"]),
        "learning_rate": trial.suggest_float("learning_rate", 2e-3, 5e-2, log=True),
        "batch_size": trial.suggest_categorical("batch_size", [50, 100, 200]),
        "averaging": trial.suggest_categorical("averaging", [0.0, 0.99, 0.999]),
        "label_smoothing": trial.suggest_categorical("label_smoothing", [0.0, 0.05]),
    }
    dropout = trial.suggest_categorical("dropout", [0.0, 0.1, 0.3])
    if found is None:
        raise optuna.TrialPruned
    arguments, numbers = found
    arguments = {**arguments, "dropout": dropout}
    fields = {**recipe_fields, "step": step[0], "step_args": json.loads(step[1])}
    fields["batch_size"] = min(fields["batch_size"], len(dataset.train))
    recipe = Recipe(arguments, epochs=epochs, **fields)
    for key, value in {
        "network": family.network, "network_args": arguments, "numbers": numbers, **fields,
        "epochs": epochs,
    }.items():  # fmt: skip
        trial.set_user_attr(key, value)
    started = time.process_time()
    tf.random.set_seed(CHOICE_SEED)
    _, network = resolve(family.network, dataset, recipe)
    loop, scorer = Loop(network, dataset.train, recipe, CHOICE_SEED), Scorer(network)
    accuracy = 0.0
    for epoch in range(1, epochs + 1):
        loop.run_epoch()
        accuracy = scorer.accuracy(dataset.validation)
        trial.report(accuracy, epoch)
        trial.set_user_attr("epochs_done", epoch)
        trial.set_user_attr("validation_accuracy", accuracy)
        trial.set_user_attr("seconds", time.process_time() - started)
        if epoch < epochs and trial.should_prune():
            raise optuna.TrialPruned
    return accuracy


def rows_of(study: optuna.Study, numbers: int) -> list[dict[str, Any]]:
    """A row for each trial that trained something."""
    states = {optuna.trial.TrialState.COMPLETE: "done", optuna.trial.TrialState.PRUNED: "stopped",
              optuna.trial.TrialState.FAIL: "diverged"}  # fmt: skip
    rows = []
    for trial in study.trials:
        told: Mapping[str, Any] = trial.user_attrs
        if trial.state in states and "network" in told:
            values = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in told.items()}
            rows.append({"at_most": numbers, "trial": trial.number,
                         "status": states[trial.state], **values})  # fmt: skip
    return rows
