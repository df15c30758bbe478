"""Rates in turns, and what is measured in processes of their own; never how fast it is."""

import pytest

from tests.training.benchmark.contenders import counting
from training.benchmark import measure


def test_contenders_take_turns():
    log = []
    rates = measure.measure(
        [counting("a", 10, log), counting("b", 20, log)], repeats=3, seconds=1e-9
    )
    warm_up = [("a", 1), ("a", 1), ("b", 1), ("b", 1)]
    assert log == warm_up + 3 * [("a", 1), ("b", 1)]
    assert {name: len(own) for name, own in rates.items()} == {"a": 3, "b": 3}
    assert all(rate > 0 for own in rates.values() for rate in own)


@pytest.mark.slow
def test_peak_memory_is_of_a_process_of_its_own():
    """The products of 200 images with 16 matrices of 784 x 784 are 10 MB, the matrices 39 MB."""
    assert 49 < measure.peak_memory("synchronous", "images times 784^2 matrices") < 2000


@pytest.mark.slow
def test_what_has_no_peak():
    with pytest.raises(RuntimeError, match="^the memory of nobody could not be measured: Trace"):
        measure.peak_memory("steps", "nobody")


@pytest.mark.slow
def test_one_core_is_all_that_a_process_gets():
    assert measure.in_a_process("cores", "the cores", one_core=True) == 1


def test_the_groups_are_built_in_a_measured_time():
    assert 0 < measure.build_seconds(1) < 60
