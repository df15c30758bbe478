"""The ladder of rates: it goes on until the best is inside, and takes the smallest of equals."""

import math

import pytest

from training.experiments import Ladder

START = (1e-3, 3e-3, 1e-2, 3e-2)


def _climb(ladder, run, axes=None):
    """All rates that are tried, and the best."""
    tried = {}
    while wanted := ladder.next(axes or {}, tried):
        tried |= {rate: run(rate) for rate in wanted}
    return sorted(tried), ladder.best(tried)


def _peak_at(best):
    def run(rate):
        return {"validation_accuracy": 1 - abs(math.log10(rate / best)), "status": "done"}

    return run


@pytest.mark.parametrize(
    ("best", "tried"),
    [
        (3e-3, [1e-3, 3e-3, 1e-2, 3e-2]),
        (1e-3, [3e-4, 1e-3, 3e-3, 1e-2, 3e-2]),
        (1e-4, [3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2]),
        (1e-1, [1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1]),
        (1e3, [1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0]),  # there is no end to this
    ],
)
def test_rates_go_on_until_the_best_is_no_end(best, tried):
    assert _climb(Ladder(START), _peak_at(best)) == (tried, min(best, 10.0))


def test_rates_that_diverge_are_not_chosen():
    def run(rate):
        status = "diverged" if rate > 5e-4 else "done"
        return {"validation_accuracy": rate, "status": status}

    # With 1e-4 tried, and no better.
    assert _climb(Ladder((3e-4, 1e-3)), run) == ([1e-4, 3e-4, 1e-3], 3e-4)
    assert _climb(Ladder((1e-3, 3e-3)), run) == ([1e-3, 3e-3], None)


def test_the_smallest_of_equals():
    rows = {rate: {"validation_accuracy": 0.9, "status": "done"} for rate in (0.1, 0.01)}
    assert Ladder(START).best(rows) == 0.01 and Ladder(START).best({}) is None


def test_start_and_rungs_may_depend_on_an_axis():
    ladder = Ladder({"a": (1e-3,), "b": (2.0,)}, "model", {"a": START, "b": (1.0, 2.0, 4.0)})
    assert _climb(ladder, _peak_at(1e-2), {"model": "a"}) == ([1e-3, 3e-3, 1e-2, 3e-2], 1e-2)
    assert _climb(ladder, _peak_at(1e3), {"model": "b"}) == ([1.0, 2.0, 4.0], 4.0)


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
