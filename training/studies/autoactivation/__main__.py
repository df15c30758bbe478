"""Does y = phi(W) x learn linear regression faster than y = W x; when, and why?

Regression without noise: positive and signed data, condition numbers from 1 to 1000, 8 to 512
inputs, dense and sparse targets, all rows at each step or one. Every method gets a learning rate of
its own for each optimizer and problem, from a grid that is extended until the best is inside, on
seeds that are not reported, by the mean logarithm of their steps (those that do not arrive count
four times the budget). Speed is the number of steps until the mean squared error is, for the first
time, 0.1 % of the variance of the targets. Beside it, one rate for all methods, and targets of five
sizes with Adam at one rate.
"""

from training.experiments import Setting, Study, main
from training.studies.autoactivation.problems import (
    METHODS,
    PROBLEMS,
    SCALED,
    SCALED_METHODS,
    SIGNS,
)


def cells(axes):
    """All methods on all problems, and some on targets of other scales."""
    return [
        {"problem": problem, "method": method}
        for problem in axes["problem"]
        for method in axes["method"]
        if problem not in SCALED or method in SCALED_METHODS
    ]


STUDY = Study(
    name="autoactivation",
    question="Does y = phi(W) x learn linear regression faster than y = W x; when, and why?",
    axes={"problem": (*PROBLEMS, *SCALED), "method": tuple(METHODS)},
    seeds=range(20),
    settings={
        "sign": Setting(
            "auto",
            "Whether maps make weights of both signs: positive or paired; by default (auto) paired "
            "where data or targets ask for it.",
            options=SIGNS,
        )
    },
    cells=cells,
    batched=True,
    trial="training.studies.autoactivation.trial:trial",
    report="training.studies.autoactivation.report:report",
)

if __name__ == "__main__":
    main(STUDY)
