"""Schedules as data: JSON and back, and what is refused."""

import dataclasses

import pytest
import sonnet as snt

from tests.training.fitting.cooking.kitchen import DATA, X, law, posynomial
from training.fitting import cooking
from training.fitting.cooking import (
    LBFGS,
    Adam,
    AddTerm,
    Anneal,
    LeastSquares,
    PruneTerms,
    Schedule,
    Start,
)

SCHEDULE = Schedule(
    (
        Start("max_affine", spread=0.25),
        Adam(steps=7, learning_rate=0.5, batch_size=3, decay="linear", frozen=("*/a", "*/b")),
        LeastSquares(3, 1e-3, "trf", ("*/b",), "log"),
        LBFGS(5, 1e-2),
        AddTerm("layers.0", "tiny", 1e-2, 0.5),
        PruneTerms("layers.0", 1e-4),
        Anneal(("*/c",), (1, 5), "penalty", (0.5, 2.0), 1.25, 4, ("*/b",), "relative"),
    ),
    loss="relative",
    restarts=4,
    target=1e-3,
)


def test_a_schedule_goes_to_json_and_back():
    assert {type(phase) for phase in SCHEDULE.phases} == set(cooking.PHASES.values())
    again = Schedule.from_json(SCHEDULE.to_json())
    assert again == SCHEDULE and hash(again) == hash(SCHEDULE)
    for phase in SCHEDULE.phases:  # nothing in it stood at its default by chance
        for field in dataclasses.fields(phase):
            if (field.name, phase.kind) not in {("loss", "adam"), ("loss", "lbfgs")} | {
                ("frozen", "lbfgs")
            }:
                assert getattr(phase, field.name) != field.default, (phase.kind, field.name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(steps=0), "steps must be an integer >= 1, got 0"),
        (lambda: Adam(learning_rate=-1), "learning_rate must be a finite number > 0, got -1"),
        (lambda: Adam(decay="slow"), "decay must be one of"),
        (lambda: Adam(loss="cube"), "loss must be one of"),
        (lambda: Adam(frozen="*/a"), "frozen must be a tuple of patterns"),
        (lambda: LeastSquares(method="gn"), "method must be one of"),
        (lambda: LeastSquares(tolerance=0), "tolerance must be a number in"),
        (lambda: LBFGS(max_iterations=1.5), "max_iterations must be an integer >= 1, got 1.5"),
        (lambda: Start("best"), "method must be one of"),
        (lambda: AddTerm(how="many"), "how must be one of"),
        (lambda: AddTerm(layer=0), "layer must be an attribute path"),
        (lambda: PruneTerms(share=1), r"share must be a number in \(0, 1\), got 1"),
        (lambda: Anneal(exponents=()), "exponents must hold at least one pattern"),
        (lambda: Anneal(denominators=()), "denominators must hold at least one size"),
        (lambda: Anneal(weights=(2, 1)), "weights must grow"),
        (lambda: Anneal(tolerance=0.5), "tolerance must be a number in"),
        (lambda: Schedule(()), "phases must be a tuple of at least one"),
        (lambda: Schedule((Adam,)), "phases must be a tuple of at least one"),
        (lambda: Schedule((Adam(),), restarts=0), "restarts must be an integer >= 1, got 0"),
        (lambda: Schedule((Adam(),), loss="log10"), "loss must be one of"),
        (lambda: Schedule.from_json("{"), "schedule must be JSON"),
        (lambda: Schedule.from_json("[]"), "schedule must be an object with a list of phases"),
        (lambda: Schedule.from_json('{"phases": [{"kind": "sgd"}]}'), "kind of a phase must be"),
        (
            lambda: Schedule.from_json('{"phases": [{"kind": "adam", "rate": 1}]}'),
            "settings of adam must be among .*, got 'rate'",
        ),
        (
            lambda: Schedule.from_json('{"phases": [{"kind": "adam"}], "seed": 1}'),
            "settings of schedule must be among",
        ),
        (lambda: cooking.split(X, law(X)[:-1]), "inputs and targets must have the same number"),
        (lambda: cooking.split(X, law(X), 0.001), "validation must leave rows in both splits"),
        (lambda: cooking.fit_max_affine(X[:2], X[:2, 0], 2), "rows must be >= 3 for 2 inputs"),
        (lambda: cooking.fit_log_sum_exp(X[:5], X[:5, 0], 2), "rows must be >= 6 parameters"),
        (lambda: cooking.add_term(posynomial(), X), "layer must have been called"),
        (lambda: cooking.prune_terms(snt.Linear(1), X, 0.1), "layer must be a PosynomialDense"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make()


def test_no_schedule():
    with pytest.raises(ValueError, match="^schedule must be a Schedule, got "):
        cooking.cook(posynomial, DATA, [Adam()])
