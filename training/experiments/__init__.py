"""One way to run an experiment: axes, one trial, a report."""

from training.experiments.command import main
from training.experiments.rates import CHOICE_SEED, Ladder
from training.experiments.study import Report, Setting, Study

__all__ = ["CHOICE_SEED", "Ladder", "Report", "Setting", "Study", "main"]
