"""Does a network that learned products on [1, 2] multiply on [2, 6]?

The task and the rule of success are those of Madsen and Johansen 2020, "Neural Arithmetic Units":
the product of two sums over subsets of 100 inputs. The published runs: 5,000,000 steps of Adam on
128 fresh rows, float32, weights pulled to 0 and 1 by a penalty, the best of the last 100 checks on
[1, 2]. Here: float64; the posynomial by Levenberg-Marquardt on 1024 fresh rows and the error of
log t, with a ridge on the exponents, which are rounded and frozen after half of the steps; the
others by Adam on 128 fresh rows, the units of others in float32 after their own recipes with
fewer steps (`units.py`); the weights at the end are scored. Other seeds than theirs; the
threshold is that of each seed's own subsets and test rows.
"""

from training.experiments import Setting, Study, main

UNITS = ("NMU", "NAC (multiplicative)", "NALU", "NPU", "RealNPU")

STUDY = Study(
    name="arithmetic",
    question="Does a network that learned products on [1, 2] multiply on [2, 6]?",
    axes={"model": ("posynomial", "posynomial (no ridge)", "mlp", *UNITS)},
    options={"model": ("posynomial (Adam)",)},
    seeds=range(20),
    settings={
        "lm_steps": Setting(200, "Steps of Levenberg-Marquardt.", 2),
        "adam_steps": Setting(10_000, "Steps of the models with Adam.", 2),
        "unit_steps": Setting(100_000, "Steps of the arithmetic units of others.", 2),
        "ridge": Setting(1e-5, "Weight of the squared exponents, until they are rounded.", 0),
    },
    trial="training.studies.arithmetic.trial:trial",
    report="training.studies.arithmetic.report:report",
)

if __name__ == "__main__":
    main(STUDY)
