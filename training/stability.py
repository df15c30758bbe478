"""Measures how far a finished run's class probabilities move when its images are transformed.

python -m training.stability --workdir=runs/... [--action=rotation]
"""

from absl import flags

from training.cli import choices
from training.cli.flags import MovedFlags, loaded_dataset
from weirdonetworks.commands import app
from weirdonetworks.commands.flags import define_choice, define_workdir

FLAGS = app.Flags(__doc__)
_PATHS = MovedFlags(FLAGS)
_WORKDIR = define_workdir(FLAGS, "The folder of a run.")
_ACTION = define_choice("action", "rotation", choices.ACTIONS, "how images are transformed.", FLAGS)
_IMAGES = flags.DEFINE_integer(
    "images", 1000, "How many test images, from the first.", 1, flag_values=FLAGS
)
_STEPS = flags.DEFINE_integer(
    "steps",
    None,
    "How many transformations; even for all 360 degrees, odd otherwise.",
    3,
    100_000,
    flag_values=FLAGS,
)
_LOW = flags.DEFINE_float(
    "low", None, "The first: degrees, pixels, factor or shear.", flag_values=FLAGS
)
_HIGH = flags.DEFINE_float("high", None, "The last.", flag_values=FLAGS)


def main() -> None:
    dataset = loaded_dataset(_WORKDIR, _PATHS)
    from training.engine.stability import report
    from weirdonetworks.stability import FAMILIES

    action, count = _ACTION.value, _IMAGES.value
    interval = {"steps": _STEPS.value, "low": _LOW.value, "high": _HIGH.value}
    interval = {name: value for name, value in interval.items() if value is not None}
    scores = report(_WORKDIR.value, dataset, action, images=count, **interval)
    family = FAMILIES[action](**interval)
    low, high = family.parameters[[0, -1]]
    print(f"class probabilities of {count} test images, ", end="")
    print(f"{action} from {low:g} to {high:g} {family.unit} in steps of {family.step:g}")
    print(f"accuracy       {100 * scores['upright_accuracy']:.2f} % upright, ", end="")
    print(f"{100 * scores['mean_accuracy']:.2f} % on average, ", end="")
    print(f"{100 * scores['worst_accuracy']:.2f} % at worst")
    print(f"always right   {100 * scores['always_right']:.2f} %")
    for name in ("variance", "difference"):
        error = scores[f"{name}_error"]
        print(f"{name:<14} {scores[name]:.4f} (error of the steps about {error:+.1g})")
    print(f"instability    {100 * scores['instability']:.2f} %")
    names = [f"stability-{action}{ending}" for ending in (".csv", "-images.csv", ".png")]
    print(f"written to     {_WORKDIR.value}/{', '.join(names)}")


if __name__ == "__main__":
    app.run(main, FLAGS)
