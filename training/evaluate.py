"""Scores a finished run again, upright, turned, and as a mean over shifts.

python -m training.evaluate --workdir=runs/... [--rotations] [--shifts=1]
"""

from absl import flags

from training.cli.flags import MovedFlags, loaded_dataset, tell_unfinished
from weirdonetworks.commands import app
from weirdonetworks.commands.flags import define_workdir

FLAGS = app.Flags(__doc__)
_PATHS = MovedFlags(FLAGS)
_WORKDIR = define_workdir(FLAGS, "The folder of a run.")
_ROTATIONS = flags.DEFINE_boolean(
    "rotations",
    False,
    "Score at 24 angles as well (5, 20, ..., 350 degrees); writes rotations.csv and rotations.png.",
    flag_values=FLAGS,
)
_SHIFTS = flags.DEFINE_integer(
    "shifts",
    0,
    "Score the mean over all shifts by at most so many pixels as well.",
    0,
    8,
    flag_values=FLAGS,
)


def main() -> None:
    dataset = loaded_dataset(_WORKDIR, _PATHS)
    from training.engine.evaluation import evaluate
    from training.engine.scoring import ANGLES

    angles = ANGLES if _ROTATIONS.value else ()
    scores = evaluate(_WORKDIR.value, dataset, angles=angles, shifts=_SHIFTS.value)
    tell_unfinished(_WORKDIR.value, scores["epochs"], scores["of"])
    print(f"test accuracy  {100 * scores['test_accuracy']:.2f} %")
    if _SHIFTS.value:
        number = (2 * _SHIFTS.value + 1) ** 2
        print(f"over shifts    {100 * scores['shifted_accuracy']:.2f} %, the mean of {number}")
    if _ROTATIONS.value:
        print(f"24 angles      {100 * scores['rotated_accuracy']:.2f} % on average, ", end="")
        print(f"{100 * scores['worst_rotated_accuracy']:.2f} % at worst")
        print(f"written to     {_WORKDIR.value}/rotations.csv, rotations.png")


if __name__ == "__main__":
    app.run(main, FLAGS)
