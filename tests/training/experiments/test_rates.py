"""The ladder goes on until the best rate is inside of what was tried; none that diverged is it."""

import math

import pytest

from training.experiments import Ladder
from training.experiments.rates import HALF_DECADES


def climb(ladder: Ladder, score, axes=None) -> tuple[float | None, dict]:
    """All that the ladder asks for, answered by score(rate); None stands for "diverged"."""
    tried: dict = {}
    while wanted := ladder.next(axes or {}, tried):
        assert not set(wanted) & set(tried) and len(set(wanted)) == len(wanted)
        for rate in wanted:
            value = score(rate)
            tried[rate] = (
                {"status": "diverged"}
                if value is None
                else {"status": "done", "validation_accuracy": value}
            )
    return ladder.best(tried), tried


@pytest.mark.parametrize("peak", HALF_DECADES)
@pytest.mark.parametrize("start", [(1e-3,), (1e-3, 3e-3, 1e-2), (1e-5, 10.0)])
def test_it_goes_on_until_the_best_is_inside(start, peak):
    best, tried = climb(Ladder(start), lambda rate: -abs(math.log(rate / peak)))
    assert best == peak
    place = HALF_DECADES.index(peak)
    assert set(HALF_DECADES[max(place - 1, 0) : place + 2]) <= set(tried)
    assert len(tried) < len(HALF_DECADES) or len(start) == 1  # and no further than it must


def test_a_best_that_is_inside_asks_for_no_more():
    start = HALF_DECADES[3:6]
    assert set(climb(Ladder(start), lambda rate: -abs(rate - start[1]))[1]) == set(start)
    # The same values with the best at an end do.
    assert set(climb(Ladder(start), lambda rate: rate)[1]) > set(start)


def test_diverged_rates_are_not_chosen():
    best, tried = climb(Ladder((1e-2, 3e-2)), lambda rate: None if rate > 5e-3 else rate)
    assert best is None and set(tried) == {1e-2, 3e-2}
    best, _ = climb(Ladder((1e-3, 1e-2)), lambda rate: None if rate > 5e-3 else rate)
    assert best == 3e-3


def test_a_metric_that_is_no_number_is_not_chosen():
    best, _ = climb(Ladder((1e-3, 1e-2)), lambda rate: math.nan if rate > 5e-3 else rate)
    assert best == 3e-3
    assert climb(Ladder((1e-3,)), lambda rate: math.nan)[0] is None


def test_the_smallest_of_equals():
    tried = {rate: {"status": "done", "loss": 1.0} for rate in (1e-2, 1e-3, 1e-1)}
    assert Ladder((1e-3,), metric="loss").best(tried) == 1e-3


def test_a_start_of_its_own_for_each_value():
    ladder = Ladder({"adam": (1e-3,), "sgd": (1e-1,)}, axis="optimizer")
    assert ladder.next({"optimizer": "sgd"}, {}) == [1e-1]
    with pytest.raises(ValueError, match="^start must have rates for each optimizer, got no 'eg'$"):
        ladder.check({"optimizer": ["adam", "sgd"]}, {"optimizer": ["eg"]})
    with pytest.raises(ValueError, match="^axis=optimizer: .* Did you mean optimizers"):
        ladder.check({"optimizers": ["adam"]})


def test_rungs_of_its_own_for_each_value():
    ladder = Ladder({"a": (1e-3,), "b": (2.0,)}, "model", {"a": HALF_DECADES, "b": (1.0, 2.0, 4.0)})
    assert climb(ladder, lambda rate: -abs(rate - 1e-2), {"model": "a"})[0] == 1e-2
    assert climb(ladder, lambda rate: rate, {"model": "b"})[0] == 4.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((),), "start must be rates among the rungs"),
        (((2e-3,),), "start must be rates among the rungs .*, got"),
        (({"a": (1e-3,), "b": (2e-3,)}, "model"), "start must be rates among the rungs"),
        (((1.0,), None, (1.0, 0.1)), "rungs must ascend"),
        (({"a": (1.0,)}, "model", {"a": (1.0, 1.0)}), "rungs must ascend"),
    ],
)
def test_bad_rates(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Ladder(*arguments)


def test_a_trial_without_the_metric():
    with pytest.raises(ValueError, match="^a trial must return validation_accuracy, by which is"):
        Ladder((1e-3,)).best({1e-3: {"status": "done", "test_accuracy": 1.0}})
