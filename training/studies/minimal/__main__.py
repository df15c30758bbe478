"""How accurate is the best network of at most so many numbers?

python -m training.studies.minimal --dataset=mnist

A row is the best, on the validation split, of all networks and recipes that searches tried at its
number (training/found/searches/*.json, the best.json of `python -m training.search`; *.csv has the
trials). It is trained with seeds of its own, and scored once on the test set after its last epoch.

Rows are named CLASS-NUMBERS: P sees no layout, D sees each pixel once, W sees some more often, S
holds the rotations; with a +, trained on distorted images. The digits of mnist_5k are among those
that searches trained on: it is there to try the command.
"""

from training.cli.choices import DATASETS
from training.experiments import Setting, Study, main
from training.found.rows import rows, rows_for

_ROWS = {dataset: found for dataset in DATASETS if (found := rows(dataset))}
_KEYS = list(dict.fromkeys(key for found in _ROWS.values() for key in found))


def cells(axes) -> list[dict]:
    """Each data set with the rows that were found on it; any other, with those of mnist."""
    return [
        {"dataset": dataset, "row": key}
        for dataset in axes["dataset"]
        for key in axes["row"]
        if key in rows_for(dataset)
    ]


STUDY = Study(
    name="minimal",
    question="How accurate is the best network of at most so many numbers?",
    axes={"dataset": ["mnist_5k"], "row": _KEYS},
    options={"dataset": list(_ROWS)},
    cells=cells,
    seeds=(0, 1, 2, 3, 4),
    settings={
        "epochs": Setting(0, "Passes over the training split; 0: those of the row's recipe.", 0)
    },
    trial="training.studies.minimal.trial:trial",
    report="training.studies.minimal.report:report",
)

if __name__ == "__main__":
    main(STUDY)
