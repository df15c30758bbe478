"""Cooking: a schedule of phases by which a network is fitted to data.

    schedule = Schedule((Start("max_affine"), LeastSquares(loss="log"), LeastSquares(), Anneal()),
                        loss="squared", restarts=5)
    cooked = cook(lambda: PosynomialDense(1, 2), split(x, y), schedule, seed=0)

A schedule is data: frozen dataclasses that go to JSON and back. Phases that optimise (`Adam`,
`LeastSquares`, `LBFGS`) take any network whose variables are of one floating type; those that know
terms (`Start`, `AddTerm`, `PruneTerms`) take the zoo's `PosynomialDense` and `SignomialDense`.
"""

from training.fitting.cooking.annealing import nearest_fraction
from training.fitting.cooking.cook import Cook, Cooked, cook
from training.fitting.cooking.schedule import (
    LBFGS,
    PHASES,
    Adam,
    AddTerm,
    Anneal,
    LeastSquares,
    PruneTerms,
    Schedule,
    Start,
)
from training.fitting.cooking.starts import fit_log_linear, fit_log_sum_exp, fit_max_affine
from training.fitting.cooking.tables import Data, split
from training.fitting.cooking.terms import add_term, prune_terms

__all__ = [
    "LBFGS",
    "PHASES",
    "Adam",
    "AddTerm",
    "Anneal",
    "Cook",
    "Cooked",
    "Data",
    "LeastSquares",
    "PruneTerms",
    "Schedule",
    "Start",
    "add_term",
    "cook",
    "fit_log_linear",
    "fit_log_sum_exp",
    "fit_max_affine",
    "nearest_fraction",
    "prune_terms",
    "split",
]
