"""Terms that come and go."""

import numpy as np
import pytest

import weirdonetworks as wn
from tests.training.fitting.cooking.kitchen import X, built, cook, law, posynomial
from training.fitting import cooking
from training.fitting.cooking import AddTerm, LeastSquares, PruneTerms, Start
from weirdonetworks.layers import PosynomialDense, SignomialDense

LAYERS = {
    "posynomial": lambda: PosynomialDense(2, 3),
    "log": lambda: PosynomialDense(2, 3, log_output=True),
    "nonnegative": lambda: PosynomialDense(2, 3, nonnegative_exponents=True),
    "signomial": lambda: SignomialDense(2, 3),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_term_more_keeps_the_function(name):
    layer = built(LAYERS[name]())
    y = layer(X).numpy()

    def change(how, **kwargs):
        new, kept = cooking.add_term(layer, X, how, **kwargs)
        assert new.num_terms == 4 and new.exponents.shape == (2, 4)
        assert all(np.all(np.isfinite(v)) for v in new.trainable_variables)
        same = kept[kept >= 0]
        np.testing.assert_array_equal(
            new.raw_exponents.numpy()[:, kept >= 0], layer.raw_exponents.numpy()[:, same]
        )
        return np.abs(new(X).numpy() - y).max() / np.abs(y).max()

    assert change("duplicate") < 1e-14
    assert 0 < change("tiny", share=1e-4) < 2e-4
    # Quadratic in the spread.
    wide, narrow = (change("duplicate", spread=spread) for spread in (0.02, 0.01))
    assert 1e-9 < wide < 1e-2 and wide / narrow == pytest.approx(4, rel=0.3)


@pytest.mark.parametrize("cls", [PosynomialDense, SignomialDense])
def test_pruning_takes_only_what_is_negligible(cls):
    layer = built(cls(1, 4))
    a = np.array([[1.0, 0.5, -1.0, 1.0], [0.0, 2.0, 1.0, 0.0]])
    c = np.array([1.0, 1e-7, 0.01, 2.0])
    cooking.terms.set_terms(layer, a, np.log(c)[:, None])
    y = layer(X).numpy()
    new, kept = cooking.prune_terms(layer, X, 1e-5)
    assert list(kept) == [0, 2]  # the last has the first one's exponents
    np.testing.assert_allclose(cooking.terms.coefficients(new)[:, 0], [3, 0.01], rtol=1e-12)
    change = np.abs(new(X) / y - 1).max()
    assert 1e-9 < change < 1e-5
    # The third is more than that somewhere, so it takes another share to lose it.
    assert list(cooking.prune_terms(layer, X, 0.1)[1]) == [0]
    assert list(cooking.prune_terms(layer, X, 1e-9)[1]) == [0, 1, 2]
    assert list(cooking.prune_terms(layer, X, 0.9999999)[1]) == [0]


@pytest.mark.slow
def test_terms_in_a_schedule():
    """One term, a second, a third that is not needed, and away with it."""
    cooked = cook(
        lambda: posynomial(1),
        Start(),
        LeastSquares(),
        AddTerm(spread=0.2),
        LeastSquares(),
        AddTerm(how="tiny", share=1e-9),
        PruneTerms(share=1e-6),
    )
    rows = cooked.rows
    assert [row["terms"] for row in rows] == [None, None, 2, None, 3, 2]
    assert [row["parameters"] for row in rows] == [4, 4, 7, 7, 10, 7]
    errors = [row["train_error"] for row in rows]
    assert errors[1] > 0.01 > 1e-10 > errors[3]
    assert 0 < errors[4] < 1e-8 and errors[5] < 1e-12
    assert cooked.network.num_terms == 2


@pytest.mark.slow
def test_terms_of_a_layer_within_a_network():
    def network():
        return wn.nets.PosynomialMLP(1, (3,), 4)

    data = cooking.split(X, np.log(law(X)))
    cooked = cook(network, AddTerm("layers.0"), PruneTerms("layers.0", 1e-9), data=data)
    assert [row["terms"] for row in cooked.rows] == [5, 4]
    one, other = (row["train_error"] for row in cooked.rows)
    assert one == pytest.approx(other, rel=1e-12)
    names = [v.name for v in built(network()).trainable_variables]
    assert [v.name for v in cooked.network.trainable_variables] == names
