"""How one network is trained, scored, kept and found again."""

from training.engine.fit import Run, fit, load_run, resolve, train_and_evaluate
from training.engine.loop import Loop, scale
from training.engine.recipes import RECIPES, Recipe, recipe_for
from training.engine.scoring import ANGLES, Scorer

__all__ = [
    "ANGLES",
    "RECIPES",
    "Loop",
    "Recipe",
    "Run",
    "Scorer",
    "fit",
    "load_run",
    "recipe_for",
    "resolve",
    "scale",
    "train_and_evaluate",
]
