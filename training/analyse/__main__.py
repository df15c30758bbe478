"""What a trained network looks like: spectra, covariances, alignment, and networks drawn anew.

python -m training.analyse --workdir=runs/A [--against=runs/B]

Takes one or two finished runs of `training.train`. For every dense layer, before training and
after it: the spectrum of the weights against the law of Marchenko and Pastur, whether its bulk
repels as that of random matrices, size and effective rank. For two runs, which must be trainings of
one network on one data set: the rotations that align their hidden layers, and what is left. For
each run: how well networks classify that are drawn from the covariances of its layers (Guth et al.
2023). See `weirdonetworks.analysis`.
"""

from pathlib import Path

from absl import flags

from training.cli.flags import MovedFlags, loaded_dataset
from weirdonetworks.commands import app
from weirdonetworks.commands.flags import define_path, define_workdir

FLAGS = app.Flags(__doc__)
_PATHS = MovedFlags(FLAGS)
_WORKDIR = define_workdir(FLAGS, "The folder of a run, A.")
_AGAINST = define_path("against", "The folder of another run, B, to be aligned with it.", FLAGS)
_OUTPUT = define_path("output", "Where the analysis goes; runs/analysis-A-B by default.", FLAGS)
_DRAWS = flags.DEFINE_integer(
    "draws", 3, "Networks of each kind that are drawn from a run.", 1, flag_values=FLAGS
)
_IMAGES = flags.DEFINE_integer(
    "images",
    10_000,
    "Training images on which networks are aligned, at most.",
    1,
    flag_values=FLAGS,
)


def main() -> None:
    dataset = loaded_dataset(_WORKDIR, _PATHS)
    from training.analyse.measure import analyse
    from training.analyse.text import to_text

    workdirs = [_WORKDIR.value, *([_AGAINST.value] if _AGAINST.value else [])]
    names = "-".join(Path(workdir).name for workdir in workdirs)
    folder = Path(_OUTPUT.value or Path("runs") / f"analysis-{names}")
    report = analyse(workdirs, dataset, folder, draws=_DRAWS.value, images=_IMAGES.value)
    for name, workdir in zip("AB", workdirs, strict=False):
        print(f"{name}: {workdir}")
    print()
    print(to_text(report))
    print(
        "size: |W|_F; norm: |W|_2; outliers: eigenvalues of W W^T / out beyond what 1 % of random"
    )
    print("matrices of a known variance reach (up to 6 % with the variance of the bulk, as here);")
    print("distance: of Kolmogorov and Smirnov, to the law of random matrices;")
    print(
        "gaps: mean ratio of neighbouring ones in the bulk, ± its standard error: 0.531 of random"
    )
    print("matrices, 0.386 of independent levels;")
    if any(row["distance"] is None for row in report["spectra"]):
        print("-: not there, of weights with half the full rank or less, which have no bulk;")
    if report["alignment"]:
        print("left: 0 nothing, 1 all, on validation images; random: after a random rotation;")
    if report["samples"]:
        print(f"hidden layers drawn {_DRAWS.value} times from each run: mean ± standard deviation")
    files = ["config.json", "report.json", "table.txt"]
    files += ["spectra.csv, spectra.png", "eigenvalues.csv, eigenvalues.png"]
    files += ["alignment.csv, alignment.png"] if report["alignment"] else []
    files += ["samples.csv, samples.png"] if report["samples"] else []
    print(f"written to {folder}/: {', '.join(files)}")


if __name__ == "__main__":
    app.run(main, FLAGS)
