"""Checks of what commands go through."""

import numpy as np
import pytest

from training.cli import checks


@pytest.mark.parametrize("values", [["a"], ("a", "b"), {"a": 1}, {"a", "b"}, range(3), [[1], [2]]])
def test_each_once(values):
    checks.each_once("models", values)


@pytest.mark.parametrize("values", [[], None, "ab", 3, ["a", "a"], [1, True], [64, np.int64(64)]])
def test_not_each_once(values):
    with pytest.raises(ValueError, match="^models must be at least one, and each once, got "):
        checks.each_once("models", values)


def test_options():
    checks.each_once("models", ["a"], ["a", "b"])
    with pytest.raises(ValueError, match=r"^models must be one of \['a', 'b'\], got 'c'$"):
        checks.each_once("models", ["c"], ["a", "b"])


@pytest.mark.parametrize("values", [[0], (3, 1), range(4), [np.int64(2), 5]])
def test_seeds(values):
    checks.seeds(values)


@pytest.mark.parametrize("values", [[], [1, 1], [-1], [1.5], ["a"], [True], [None], None, "12", 3])
def test_what_are_no_seeds(values):
    with pytest.raises(ValueError, match="^seeds must be integers >= 0, at least one, each once, "):
        checks.seeds(values)


@pytest.mark.parametrize("values", [np.arange(3), {1}, {1: 2}])
def test_what_is_no_list_of_seeds(values):
    with pytest.raises(ValueError, match="^seeds must be a list of integers >= 0, got "):
        checks.seeds(values)
