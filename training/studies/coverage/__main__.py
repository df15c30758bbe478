"""Do the errors and the status of the posynomial regression hold on random laws?

2,200 laws of one to three terms with exponents of which half are fractions, in 12 to 1,000 rows
with noise of four kinds, each fitted by default settings: seconds a law on one core.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from training.experiments import Study, main

NOISES = ("absolute", "proportional", "log-normal", "mixed")


def cells(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """All but three terms in 12 rows, which cannot hold them."""
    return [
        {"terms": terms, "rows": rows, "noise": noise}
        for terms in axes["terms"]
        for rows in axes["rows"]
        for noise in axes["noise"]
        if rows > 12 or terms < 3
    ]


STUDY = Study(
    name="coverage",
    question="Do the errors and the status of the posynomial regression hold on random laws?",
    axes={"terms": (1, 2, 3), "rows": (12, 30, 100, 1000), "noise": NOISES},
    cells=cells,
    seeds=range(50, 100),  # those before were looked at while the rules were made
    trial="training.studies.coverage.trial:trial",
    report="training.studies.coverage.report:report",
)

if __name__ == "__main__":
    main(STUDY)
