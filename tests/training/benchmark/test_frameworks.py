"""The loops of all frameworks train, and functions are computed as often as is said."""

import pytest

from training.benchmark import frameworks


def test_operations_of_a_step():
    assert frameworks.flops_per_image() == 4 * 784 * 100 + 6 * (100 * 100 + 100 * 10)


@pytest.mark.slow
@pytest.mark.parametrize("index", range(4))
def test_loops_train(index):
    """Ours, Sonnet's and Keras' two run whole epochs of a tiny split."""
    contender = frameworks.mlp_loops(frameworks.random_split(250))[index]
    assert contender.missing() == [] and contender.amount == 200
    contender.prepare()(1)


@pytest.mark.parametrize("of_gradient", [False, True])
def test_functions_of_many_numbers(of_gradient):
    seen = []

    def square(x):
        seen.append(x.shape)
        return x * x

    frameworks.elementwise("square", square, 100, of_gradient).prepare()(2)
    assert seen == [[100]]  # traced once, with numbers that are given
