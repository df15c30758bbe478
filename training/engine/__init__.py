"""How one network is trained, scored, kept and found again."""

from training.engine.loop import Loop, scale
from training.engine.recipes import RECIPES, Recipe, recipe_for, recipe_names
from training.engine.run import Run, load_run, resolve
from training.engine.scoring import ANGLES, Scorer
from training.engine.train import fit, train_and_evaluate

__all__ = [
    "ANGLES",
    "RECIPES",
    "Loop",
    "Recipe",
    "Run",
    "Scorer",
    "fit",
    "load_run",
    "recipe_names",
    "recipe_for",
    "resolve",
    "scale",
    "train_and_evaluate",
]
