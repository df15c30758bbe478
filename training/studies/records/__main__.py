"""How far does a network without convolution and batch normalisation come, with time?

python -m training.studies.records --dataset=mnist

Each network that has a recipe called record (images as they are) or record+ (distorted ones), in
training/found/records.py, is trained by it and scored once on the test set, after its last epoch:
as `python -m training.train --network=... --recipe=record+` does, and scores. The networks of all
seeds of a recipe are a committee, too, which averages their probabilities. One run takes up to an
hour alone on a core.
"""

from training.experiments import Setting, Study, main
from training.found.records import NAMES, RECORDS, records


def cells(axes) -> list[dict]:
    """Each network with the records that it has."""
    return [
        {"dataset": dataset, "network": network, "recipe": recipe}
        for dataset in axes["dataset"]
        for network in axes["network"]
        for recipe in axes["recipe"]
        if recipe in records(network, dataset)
    ]


STUDY = Study(
    name="records",
    question="How far does a network without convolution and batch normalisation come, with time?",
    axes={
        "dataset": ["mnist_5k"],
        "network": list(dict.fromkeys(network for network, _ in RECORDS)),
        "recipe": list(NAMES),
    },
    options={"dataset": ["mnist", "mnist_rot"]},
    cells=cells,
    seeds=(0,),
    settings={"epochs": Setting(0, "Passes over the training split; 0: as each recipe says.", 0)},
    trial="training.studies.records.trial:trial",
    report="training.studies.records.report:report",
)

if __name__ == "__main__":
    main(STUDY)
