"""Does a quadratic network choose invariant polynomials? Measures a finished run's weights.

python -m training.energy --workdir=runs/...
"""

from absl import flags

from training.cli.flags import given_run
from weirdonetworks.commands import app
from weirdonetworks.commands.flags import define_workdir

FLAGS = app.Flags(__doc__)
_WORKDIR = define_workdir(FLAGS, "The folder of a run.")
_GROUPS = flags.DEFINE_list(
    "groups",
    ["cyclic2", "cyclic4", "dihedral4"],
    "Which exact groups, separated by commas.",
    flag_values=FLAGS,
)


def main() -> None:
    workdir = given_run(_WORKDIR)
    from training.engine.energy import energy

    shares = energy(workdir, _GROUPS.value)
    print(f"{'invariant share in %':24}{'dimension':>10}{'initial':>10}{'trained':>10}")
    for name, share in shares.items():
        print(f"{name:24}" + "".join(f"{100 * value:10.2f}" for value in share.values()))
    print(f"written to {_WORKDIR.value}/energy.json, energy.png")


if __name__ == "__main__":
    app.run(main, FLAGS)
