"""Measures the speed of the training loop and of the layers, against others.

python -m training.benchmark

All contenders of a group run in this one process and take turns, round after round, so that
whatever else the machine does hits all alike: ratios are medians of the ratios within a round.
"""

from absl import flags

from training.cli.flags import define_choices
from weirdonetworks.commands import app, folders
from weirdonetworks.commands.flags import define_workdir

GROUPS = ("loops", "quadratic", "synchronous", "steps", "iterates", "attention", "pursuit")

FLAGS = app.Flags(__doc__)
_ONLY = define_choices("only", GROUPS, GROUPS, "which groups.", FLAGS)
_REPEATS = flags.DEFINE_integer(
    "repeats", 5, "Rounds in which all take turns.", lower_bound=1, flag_values=FLAGS
)
_SECONDS = flags.DEFINE_float(
    "seconds", 2.0, "About how long each runs in a round; > 0.", flag_values=FLAGS
)
_WORKDIR = define_workdir(FLAGS, "The folder of the results; by default a new one under runs/.")
flags.register_validator(
    "seconds", lambda value: 0 < value < 3600, "must be > 0 and below 3600", flag_values=FLAGS
)


def main() -> None:
    from training.benchmark.run import benchmark

    with folders.workdir(_WORKDIR.value, "benchmark") as workdir:
        benchmark(_ONLY.value, _REPEATS.value, _SECONDS.value, workdir)
    print(f"\nwritten to {workdir}/: benchmark.json, benchmark.csv, benchmark.png, GROUP.csv")


if __name__ == "__main__":
    app.run(main, FLAGS)
