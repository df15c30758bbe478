"""Does a layer learn from data which of + and x a target needs?

Networks of `AdditiveMultiplicativeDense` learn x1 + x2, x1 x2 and x1 + x2 x3 on [0.1, 3], each from
256 rows, and are tested on [0.1, 3] and on [3, 6]; beside them the same networks with a fixed at 0
or at 1, and plain MLPs.
"""

from training.experiments import Setting, Study, main

STUDY = Study(
    name="sum_or_product",
    question="Does a layer learn from data which of + and x a target needs?",
    axes={
        "target": ("x1+x2", "x1*x2", "x1+x2*x3"),
        "model": (
            "learned",
            "sums only",
            "products only",
            "MLP of 4",
            "MLP of 32",
            "learned (start=forms)",  # weights of both signs at the start
        ),
    },
    seeds=range(100, 110),  # 0 .. 9 chose the settings
    settings={"steps": Setting(3000, "Steps of Adam.", 1)},
    trial="training.studies.sum_or_product.trial:trial",
    report="training.studies.sum_or_product.report:report",
)

if __name__ == "__main__":
    main(STUDY)
