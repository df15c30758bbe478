"""What helps a network of few numbers to learn?

python -m training.studies.few_numbers

Three networks of 2,300 to 12,000 numbers, trained for equally many steps: by Adam, by Muon, and by
Muon with one help more. The learning rate of each is chosen on the validation split, with a seed
that is not reported.
"""

from training.experiments import Ladder, Setting, Study, main

NETWORKS = {"row_recurrent": {}, "kronecker_mlp": {}, "mlp": {"hidden_sizes": (15,)}}
_DISTORTED = {"degrees": 10.0, "shift": 1.0, "scale": 0.1}
# Fields of a recipe.
HELPS = {
    "adam": {"optimizer": "adam"},
    "muon": {},
    "averaged": {"averaging": 0.99},
    "taught": {"step": "distill"},
    "distorted": {"step": "augment", "step_args": _DISTORTED},
    "taught, distorted": {"step": "distill", "step_args": _DISTORTED},
    "8 bits": {"bits": 8},
    "4 bits": {"bits": 4},
    "half": {"density": 0.5},
    "quarter": {"density": 0.25},
}

STUDY = Study(
    name="few_numbers",
    question="What helps a network of few numbers to learn?",
    axes={"dataset": ["mnist"], "network": list(NETWORKS), "help": list(HELPS)},
    options={"dataset": ["fashion_mnist"]},
    choose=Ladder((3e-3, 1e-2, 3e-2)),
    seeds=(0, 1, 2, 3, 4),
    settings={"epochs": Setting(6, "Passes over the training split, a multiple of 6.", 6)},
    trial="training.studies.few_numbers.trial:trial",
    report="training.studies.few_numbers.report:report",
)

if __name__ == "__main__":
    main(STUDY)
