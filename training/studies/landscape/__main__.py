"""How much larger than the least must a network be to be found, and what is the ground about it?

python -m training.studies.landscape --dataset=mnist

students: a teacher of h units (w . x)^degree, and students of k, by plain descent on the exact
loss: how many starts find it? dimension: networks of which a random subspace is trained. spectrum:
the eigenvalues of the Hessian at the end of training. paths: from one training to another,
straight, after a permutation of hidden units, and along a curve.
"""

from training.experiments import Setting, Study, main

# From few numbers to many of the same kind.
NETWORKS = {
    "mlp-15": ("mlp", {"hidden_sizes": (15,)}),
    "mlp-200-200": ("mlp", {"hidden_sizes": (200, 200)}),
    "row_recurrent-17": ("row_recurrent", {"size": 17}),
    "row_recurrent-100": ("row_recurrent", {"size": 100}),
}
ALL = 0  # numbers of a subspace: no subspace
_TRAINED = ("dimension", "spectrum", "paths")


def cells(axes) -> list[dict]:
    """What each part needs of the axes."""
    found = []
    for part in axes["part"]:
        if part == "students":
            found += [
                {"part": part, "degree": degree, "units": units}
                for degree in axes["degree"]
                for units in axes["units"]
            ]
            continue
        for dataset in axes["dataset"]:
            for network in axes["network"]:
                cell = {"part": part, "dataset": dataset, "network": network}
                if part == "dimension":
                    found += [cell | {"dimension": d} for d in axes["dimension"]]
                elif part == "spectrum" or network.startswith("mlp"):  # units in no order
                    found.append(cell)
    return found


STUDY = Study(
    name="landscape",
    question="How much larger than the least must a network be to be found?",
    axes={
        "part": ["students", *_TRAINED],
        "dataset": ["mnist_5k"],
        "network": list(NETWORKS),
        "dimension": [ALL, 100, 200, 400, 750, 1500],
        "degree": [2, 3, 4],
        "units": [8, 9, 10, 11, 12, 15, 20],
    },
    options={"dataset": ["mnist", "fashion_mnist"]},
    cells=cells,
    seeds=(0, 1, 2),
    settings={
        "epochs": Setting(10, "Passes over the training split.", 1),
        "starts": Setting(50, "Students of each size, for each seed's teacher.", 1),
        "teacher": Setting(10, "Units of the teacher, at most as many as inputs.", 1),
        "inputs": Setting(10, "Numbers that teacher and students see.", 1),
        "steps": Setting(20_000, "Of descent, of a student.", 1),
    },
    trial="training.studies.landscape.trial:trial",
    report="training.studies.landscape.report:report",
)

if __name__ == "__main__":
    main(STUDY)
