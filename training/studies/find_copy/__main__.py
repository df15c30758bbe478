"""Where on a canvas of digits is the copy of a cue, and what finds it with few weights and data?

python -m training.studies.find_copy --workers=1

A cue digit, a canvas with another image of its class and one or three digits of other classes: a
dynamic filter (a template made from the cue, scored against all patches), attention (the cue as
query, patches as keys) and a dense network of equal numbers say where it is. Networks of other
sizes are asked with the most canvases alone. The learning rate of each is chosen on the validation
canvases, with a seed that is not reported.
"""

from training.experiments import Ladder, Setting, Study, main

EQUAL = ("dynamic filter", "attention", "dense")  # of equal numbers
OTHERS = ("dynamic filter / 4", "attention / 4", "dense x 16")


def cells(axes):
    """All for networks of equal numbers, the most canvases alone for the others."""
    return [
        {"dataset": dataset, "distractors": distractors, "canvases": size, "network": network}
        for dataset in axes["dataset"]
        for network in axes["network"]
        for size in axes["canvases"]
        for distractors in axes["distractors"]
        if network in EQUAL or size == max(axes["canvases"])
    ]


STUDY = Study(
    name="find_copy",
    question="Which network finds the copy of a cue on a canvas, with few weights and data?",
    axes={
        "dataset": ["mnist_5k"],
        "distractors": [1, 3],
        "canvases": [500, 4000, 32000],
        "network": [*EQUAL, *OTHERS],
    },
    options={"dataset": ["mnist", "fashion_mnist"]},
    settings={"steps": Setting(2000, "Steps of training, of 50 canvases each.", 10)},
    choose=Ladder((1e-2, 3e-2)),
    cells=cells,
    trial="training.studies.find_copy.trial:trial",
    report="training.studies.find_copy.report:report",
)

if __name__ == "__main__":
    main(STUDY)
