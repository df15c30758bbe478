"""How many rectifiers does a zigzag need, one behind another and side by side?

python -m training.studies.folding_rectifiers

The zigzag of 2^bits straight pieces whose sides are the digits of Gray's code: as `bits` folds of
two rectifiers each, as one layer of 2^bits rectifiers, and as one layer of as many as the folds
have. Nothing is trained: the first two are written down, the last is fitted by least squares.
"""

from training.experiments import Study, main

STUDY = Study(
    name="folding_rectifiers",
    question="How many rectifiers does a zigzag need, one behind another and side by side?",
    axes={"bits": [1, 2, 3, 4, 6, 8, 10, 12]},
    seeds=(0,),
    trial="training.studies.folding_rectifiers.trial:trial",
    report="training.studies.folding_rectifiers.report:report",
)

if __name__ == "__main__":
    main(STUDY)
