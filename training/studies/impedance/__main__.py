"""Does attention find an inclusion in a disc from voltages at its edge?

Electrical impedance tomography: a random round inclusion, 4 currents, 32 electrodes, noise of 0, 1
and 5 %. Direct sampling, which is attention without softmax from points to electrodes; learned
attention with softmax, without (linear), and with normalised keys and values (galerkin); an MLP of
as many numbers (dense), and one of many more; one image for all data (constant).

The learning rate is chosen on the validation set of a seed that is not reported.
"""

from training.experiments import Ladder, Setting, Study, main
from training.experiments.rates import HALF_DECADES

LEARNED = ("softmax", "linear", "galerkin", "dense", "large dense")
# One number a point, or two numbers at all: convex, and any rate will do.
CONVEX = ("constant", "direct sampling", "Sobolev sampling")

STUDY = Study(
    name="impedance",
    question="Does attention find an inclusion in a disc from voltages at its edge?",
    axes={"method": [*CONVEX, *LEARNED], "noise": [0.0, 0.01, 0.05]},
    choose=Ladder(
        dict.fromkeys(CONVEX, (0.1,)) | dict.fromkeys(LEARNED, (3e-3, 1e-2)),
        axis="method",
        rungs=dict.fromkeys(CONVEX, (0.1,)) | dict.fromkeys(LEARNED, HALF_DECADES),
        metric="validation_iou",
    ),
    settings={
        "steps": Setting(800, "Steps of Adam on 32 inclusions each.", 1),
        "samples": Setting(4096, "Inclusions of the training set.", 1),
    },
    trial="training.studies.impedance.trial:trial",
    report="training.studies.impedance.report:report",
)

if __name__ == "__main__":
    main(STUDY)
