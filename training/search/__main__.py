"""Looks for the best network of at most so many numbers, by Optuna, on the validation split.

python -m training.search --numbers=1000,2000,5000 --dataset=mnist_5k

Each family is tried with one recipe first; then family, shape and recipe are drawn. The size is the
largest that is allowed. Of three trials, two are stopped at a ninth, and again at a third, of the
epochs (successive halving). The same command goes on where it was; with more --trials, further.
On a cluster, all nodes write to the journal in --workdir: a folder that all of them share.
"""

from pathlib import Path

from absl import flags

from training.cli.choices import STEPS
from training.cli.flags import (
    DatasetFlags,
    define_choices,
    define_processes,
    parse_arguments,
    parse_integers,
)
from weirdonetworks.commands import app
from weirdonetworks.commands.flags import define_choice, define_workdir

# Of spaces.FAMILIES, which needs TensorFlow; a test compares them.
SEEN_AGAIN = ("crosswise", "windows")
SYMMETRIC = ("turned",)
FAMILIES = (
    *("mlp", "quadratic", "comodulation", "posynomial", "hashed", "autoactivation"),
    *("rows", "kronecker", "mixer", "patches", "frequencies", "attention"),
    *SEEN_AGAIN,
    *SYMMETRIC,
)
DEFAULT = tuple(name for name in FAMILIES if name not in (*SEEN_AGAIN, *SYMMETRIC))

FLAGS = app.Flags(__doc__)
_DATASET = DatasetFlags(FLAGS)
_NUMBERS = flags.DEFINE_list(
    "numbers", ["1000", "2000", "4000"], "At most so many, separated by commas.", flag_values=FLAGS
)
_FAMILIES = define_choices(
    "families",
    DEFAULT,
    FAMILIES,
    "where to look. The first six see no layout, the last three pixels more than once; the "
    "very last one holds the rotations.",
    FLAGS,
)
_STEP = define_choice("step", "plain", STEPS, "what one update does, as in training.", FLAGS)
_STEP_ARGS = flags.DEFINE_multi_string(
    "step_arg", [], "An argument of the step, NAME=VALUE.", flag_values=FLAGS
)
_EPOCHS = flags.DEFINE_integer(
    "epochs", 20, "Of a trial that is not stopped.", 1, flag_values=FLAGS
)
_TRIALS = flags.DEFINE_integer("trials", 50, "For each number.", 1, 100_000, flag_values=FLAGS)
_WORKERS, _CLUSTER = define_processes(FLAGS)
_WORKDIR = define_workdir(FLAGS, "The folder of the search; runs/search by default.")


def main() -> None:
    numbers = sorted(parse_integers("numbers", _NUMBERS.value))
    if not numbers[0]:
        raise ValueError("numbers must be >= 1, got 0")
    step_args = parse_arguments(_STEP_ARGS.value, "step_arg")
    from training.engine.steps import create_step
    from training.search.run import lines_of, search

    create_step(_STEP.value, **step_args)  # raises for what it refuses
    workdir = Path(_WORKDIR.value or "runs/search")
    print(f"writing to {workdir}/")
    table = search(
        _DATASET.name.value,
        numbers,
        workdir,
        families=_FAMILIES.value,
        step=_STEP.value,
        step_args=step_args,
        epochs=_EPOCHS.value,
        trials=_TRIALS.value,
        workers=_WORKERS.value,
        cluster=_CLUSTER.value,
        paths=_DATASET.paths,
    )
    for line in lines_of(table):
        print(line)
    print(
        f"written to {workdir}/: search.csv, best.json (with commands), frontier.png, journal.log"
    )


if __name__ == "__main__":
    app.run(main, FLAGS)
