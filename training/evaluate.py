"""Scores a finished run again, upright and turned.

python -m training.evaluate --workdir=runs/... [--rotations]
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


def main() -> None:
    dataset = loaded_dataset(_WORKDIR, _PATHS)
    from training.engine.evaluation import evaluate
    from training.engine.scoring import ANGLES

    angles = ANGLES if _ROTATIONS.value else ()
    scores = evaluate(_WORKDIR.value, dataset, angles=angles)
    tell_unfinished(_WORKDIR.value, scores["epochs"], scores["of"])
    print(f"test accuracy  {100 * scores['test_accuracy']:.2f} %")
    if _ROTATIONS.value:
        print(f"24 angles      {100 * scores['rotated_accuracy']:.2f} % on average, ", end="")
        print(f"{100 * scores['worst_rotated_accuracy']:.2f} % at worst")
        print(f"written to     {_WORKDIR.value}/rotations.csv, rotations.png")


if __name__ == "__main__":
    app.run(main, FLAGS)
