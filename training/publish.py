"""Turns a finished run into weights of the library and a card.

python -m training.publish --workdir=runs/...

Only runs of a network's own recipe, or of another that has a name, and of seed 0, whatever their
accuracy: what is published is not chosen. Your own networks are kept with
weirdonetworks.save_weights.
"""

from training.cli.flags import MovedFlags, loaded_dataset
from weirdonetworks.commands import app
from weirdonetworks.commands.flags import define_workdir

FLAGS = app.Flags(__doc__)
_PATHS = MovedFlags(FLAGS)
_WORKDIR = define_workdir(FLAGS, "The folder of a run.")


def main() -> None:
    dataset = loaded_dataset(_WORKDIR, _PATHS)
    from training.cards.publish import publish

    line = publish(_WORKDIR.value, dataset)
    print(f"test accuracy  {100 * line['test_accuracy']:.2f} %, stored as {line['dtype']}")
    print("written to     weirdonetworks/pretrained/, training/cards/results/, docs/networks/")
    print("pages anew     python -m training.pages")


if __name__ == "__main__":
    app.run(main, FLAGS)
