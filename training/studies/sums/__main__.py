"""How many terms of a law does the posynomial regression find?

Random sums of two to six terms, of which rows tell it neither number nor exponents, without noise
and with 1 %: seconds a law on one core, of six terms a minute and more.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from training.experiments import Study, main
from training.fitting.laws.random_sums import KINDS

LAWS = ("any", "told")


def cells(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """All but laws that are drawn anew because of noise, where there is none."""
    return [
        {"kind": kind, "terms": terms, "variables": variables, "noise": noise, "laws": laws}
        for kind in axes["kind"]
        for terms in axes["terms"]
        for variables in axes["variables"]
        for noise in axes["noise"]
        for laws in axes["laws"]
        if noise > 0 or laws == "any"
    ]


STUDY = Study(
    name="sums",
    question="How many terms of a law does the posynomial regression find?",
    axes={
        "kind": KINDS,
        "terms": (2, 3, 4, 6),
        "variables": (3, 6),
        "noise": (0, 0.01),
        "laws": LAWS,
    },
    cells=cells,
    seeds=range(100),
    trial="training.studies.sums.trial:trial",
    report="training.studies.sums.report:report",
)

if __name__ == "__main__":
    main(STUDY)
