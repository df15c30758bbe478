"""When does a schedule of several phases find a law that a single optimizer does not?

Every method fits sums of as many monomials as the law has (3 for the one that is none), from the
same rows, and gets --fit_seconds of CPU time (with one thread on an idle machine, those on the
wall), compilation included, for as many starts as there is time for; one that is at numerical
precision before stops. What is chosen, is chosen on the validation rows.
"""

from training.experiments import Setting, Study, main

STUDY = Study(
    name="cooking",
    question="When does a schedule of phases find a law that a single optimizer does not?",
    axes={
        "problem": ("monomial", "two_terms", "three_terms", "noisy", "outside"),
        "method": (
            "cooked",
            "grown",
            "least_squares",
            "lbfgs",
            "adam",
            "differential_evolution",
        ),
    },
    seeds=range(5),
    settings={"fit_seconds": Setting(2.0, "Seconds of CPU time for each fit.", 1e-3)},
    trial="training.studies.cooking.trial:trial",
    report="training.studies.cooking.report:report",
)

if __name__ == "__main__":
    main(STUDY)
