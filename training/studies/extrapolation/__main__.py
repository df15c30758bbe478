"""How far outside of [1, 10] do networks that learned 2x, x^2, 1/x or sin x there stay right?

`UniversalRegressor`, MLPs on x and on logarithms, and posynomials learn each function from 256 rows
of [1, 10]. Reported is the widest interval around [1, 10] on which the relative error stays within
1 %, looked for on [1e-6, 1e7]. An ablation, on 2x, asks what it takes: number of terms, features,
penalties and their strength.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from training.experiments import Setting, Study, main

ALL, STRENGTH, TERMS = "digits+spread+sign", 0.1, 4  # those of the model `universal`
ABLATED = ("features", "terms", "penalty", "strength")


def cells(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """The comparison: each function by each model. The ablation: log features with each number of
    terms and each penalty; all features with each penalty and all strengths, for 4 terms."""
    found = []
    if "comparison" in axes["part"]:  # models first: one is compiled once for several functions
        pairs = itertools.product(axes["model"], axes["function"])
        found += [{"part": "comparison", "function": f, "model": m} for m, f in pairs]
    if "ablation" in axes["part"]:
        for features, terms, penalty, strength in itertools.product(*(axes[a] for a in ABLATED)):
            usual = strength == (0.0 if penalty == "none" else STRENGTH)
            stronger = penalty == ALL and strength > 0 and terms == TERMS
            if (features == "log" or terms == TERMS) and (usual or stronger):
                values = (features, terms, penalty, strength)
                found.append({"part": "ablation", **dict(zip(ABLATED, values, strict=True))})
    return found


STUDY = Study(
    name="extrapolation",
    question="How far outside of [1, 10] does a network keep a function that it learned there?",
    axes={
        "part": ("comparison", "ablation"),
        "function": ("2x", "x^2", "1/x", "sin x"),
        "model": (
            "universal",
            "universal (no penalties)",
            "universal (raw x)",
            "MLP",
            "MLP on logs",
            "posynomial (4 terms)",
            "posynomial (1 term)",
        ),
        "features": ("log", "both", "raw"),
        "terms": (1, 2, 4, 8, 16),
        "penalty": (
            "none",
            "weights",
            "digits",
            "spread",
            "sign",
            "digits+spread",
            "digits+sign",
            "spread+sign",
            ALL,
        ),
        "strength": (0.0, 0.0001, 0.001, 0.01, 0.1, 1.0),
    },
    cells=cells,
    seeds=range(100, 105),  # 0 .. 4 chose the settings
    settings={"steps": Setting(10_000, "Steps of Adam.", 1)},
    trial="training.studies.extrapolation.trial:trial",
    report="training.studies.extrapolation.report:report",
)

if __name__ == "__main__":
    main(STUDY)
