"""Says which digit a picture shows: photographs of ink on paper, drawings, scans, of any size.

weirdonetworks classify digit.png more.png folder/

Each picture is brought into the form of MNIST (cut out, 20 x 20 pixels, centre of mass in the
middle), and asked of the networks that come with the library. How sure one is means little for a
picture that is no digit: beside the largest probability and the energy stand the shares of the test
digits for which they are lower.
"""

from absl import flags

from weirdonetworks import list_networks
from weirdonetworks.commands import app, folders
from weirdonetworks.commands.flags import define_choice, define_workdir

FLAGS = app.Flags(__doc__)
_NETWORK = define_choice("network", "all", ["all", *list_networks()], "which to ask.", FLAGS)
_DATASET = flags.DEFINE_string(
    "dataset",
    "mnist",
    "What the networks were trained on; with a recipe's name, as mnist-W+-1800, by that recipe.",
    flag_values=FLAGS,
)
_WORKDIR = define_workdir(FLAGS, "The folder of the results; by default a new one under runs/.")


def main(*pictures: str) -> None:
    from weirdonetworks.commands.classify.classify import classify, files, networks, write

    paths = files(pictures)
    asked = networks(_NETWORK.value, _DATASET.value)
    with folders.workdir(_WORKDIR.value, "classified") as workdir:
        found = classify(paths, asked)
        for line in found.lines():
            print(line)
        write(found, workdir)
    print(f"written to  {workdir}/: classes.csv, seen.png")


if __name__ == "__main__":
    app.run(main, FLAGS)
