"""Runs by one compiled loop are those of the training command."""

import dataclasses

import numpy as np
import pytest

from training.engine import workdir as results
from training.evaluate import load_run
from training.engine.recipes import Recipe
from training.engine.trainer import Trainer
from training.train import train_and_evaluate

pytestmark = pytest.mark.usefixtures("quick_data")

RECIPE = Recipe(
    {"hidden_sizes": (8,), "activation": "stochastic_gelu", "dropout": 0.2},
    epochs=1,
    batch_size=100,
    warmup_epochs=0.5,
    weight_decay=0.01,
)


@pytest.fixture(scope="module")
def trainer(mnist_5k):
    trainer = Trainer("mlp", mnist_5k, RECIPE)
    trainer.run(7, 3e-2, score_test=False)  # leaves traces everywhere that it could
    return trainer


def test_a_run_is_that_of_the_training_command(trainer, tmp_path):
    """With masks of a stochastic activation and of dropout, which come from the seed, too."""
    row = trainer.run(3, 3e-3, score_test=True)
    arguments = {**dataclasses.asdict(RECIPE), "learning_rate": 3e-3}
    result = train_and_evaluate("mlp", "mnist_5k", tmp_path / "run", seed=3, **arguments)
    assert row["parameters"] == result["parameters"]
    for key in ("validation_accuracy", "test_accuracy"):
        assert row[key] == pytest.approx(result[key], abs=0.004)
    network, _ = load_run(tmp_path / "run")
    # The peak is no constant there, so the rate may differ in its last bit: one update of another
    # mask would move weights by 3e-3.
    for mine, other in zip(trainer.module.variables, network.variables, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=3e-5)
    trainer.run(4, 3e-3, score_test=False)
    differences = zip(trainer.module.trainable_variables, network.trainable_variables, strict=True)
    assert max(np.abs(mine - other).max() for mine, other in differences) > 0.1


def test_runs_leave_no_traces(trainer):
    def weights(seed, rate):
        trainer.run(seed, rate, score_test=False)
        return [variable.numpy() for variable in trainer.module.variables]

    first, other, rate, again = (
        weights(1, 1e-2),
        weights(2, 1e-2),
        weights(1, 2e-2),
        weights(1, 1e-2),
    )
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    for different in (other, rate):
        assert any(np.any(a != b) for a, b in zip(first, different, strict=True))


def test_all_runs_are_compiled_once(trainer):
    count = trainer._loop._compiled.experimental_get_tracing_count()
    trainer.run(5, 1e-3, score_test=False)
    assert trainer._loop._compiled.experimental_get_tracing_count() == count == 1


def test_the_test_set_is_scored_when_asked(trainer, monkeypatch):
    scored = []
    score = trainer._scorer.accuracy
    monkeypatch.setattr(
        trainer._scorer, "accuracy", lambda split: scored.append(split) or score(split)
    )
    row = trainer.run(1, 1e-2, score_test=False)
    assert row["test_accuracy"] == "" and row["status"] == "done"
    assert scored == [trainer._splits.validation]
    assert row["parameters"] == results.num_parameters(trainer.module) and row["seconds"] > 0


def test_a_run_that_diverges(mnist_5k):
    trainer = Trainer("mlp", mnist_5k, dataclasses.replace(RECIPE, optimizer="sgd"))
    row = trainer.run(1, 1e30, score_test=True)
    assert row["status"] == "diverged"
    assert row["validation_accuracy"] == row["test_accuracy"] == ""
    assert trainer.run(1, 0.1, score_test=False)["status"] == "done"  # and the next one is well


@pytest.mark.parametrize("change", [{"step": "augment"}, {"invariant_start": True}])
def test_recipes_that_draw_are_refused(mnist_5k, change):
    with pytest.raises(ValueError, match="^recipe must have the step 'plain' and no other start"):
        Trainer("mlp", mnist_5k, dataclasses.replace(RECIPE, **change))
