"""How well do functions that are convex in log space fit, a few rows and a million?

Hoburg's example, 101 points of one variable by three terms, and a generated problem of ten
variables with noise, by minibatches. gpfit, on Hoburg's example, is the published program:
--only=program=gpfit (pip install gpfit).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from training.experiments import Setting, Study, main


def cells(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every problem with every family; gpfit has no minibatches for the generated one."""
    return [
        {"problem": problem, "family": family, "program": program}
        for problem in axes["problem"]
        for family in axes["family"]
        for program in axes["program"]
        if problem == "hoburg" or program == "weirdonetworks"
    ]


STUDY = Study(
    name="convex_fits",
    question="How well do functions that are convex in log space fit, a few rows and a million?",
    axes={
        "problem": ("hoburg", "generated"),
        "family": ("max_affine", "softmax_affine", "implicit_softmax_affine"),
        "program": ("weirdonetworks",),
    },
    options={"program": ("gpfit",)},
    cells=cells,
    seeds=(0,),  # of starts, data and permutations
    settings={
        "rows": Setting(1_000_000, "Rows of the generated problem.", 100),
        "num_terms": Setting(16, "Terms of the fits to the generated problem.", 1),
        "epochs": Setting(5, "Passes over the rows of the generated problem.", 1),
        "batch_size": Setting(1000, "Rows a step.", 1),
        "restarts": Setting(5, "Starts of the fits to Hoburg's example.", 1),
        "gpfit_restarts": Setting(10, "Starts of gpfit.", 1),
    },
    trial="training.studies.convex_fits.trial:trial",
    report="training.studies.convex_fits.report:report",
)

if __name__ == "__main__":
    main(STUDY)
