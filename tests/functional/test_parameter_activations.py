"""Parameter activations: inverses, derivatives in terms of A, ranges."""

import numpy as np
import pytest
import tensorflow as tf

from tests import helpers
from weirdonetworks.functional import PARAMETER_ACTIVATIONS, get_parameter_activation
from weirdonetworks.functional.parameter_activations import SHARES

ALL = {
    "identity": lambda w: w,
    "exp": np.exp,
    "square": np.square,
    "log": np.log,
    "reciprocal": lambda w: 1 / w,
    "exp_exp": lambda w: np.exp(np.exp(w)),
    "cube": lambda w: w**3,
    "softplus": lambda w: np.log1p(np.exp(w)),
}
each_map = pytest.mark.parametrize("name", ALL)


def _weights(name: str) -> tf.Tensor:
    """Effective weights A in the range of phi, of several magnitudes, and of both signs if it has
    both."""
    lower = PARAMETER_ACTIVATIONS[name].lower
    a = np.geomspace(1e-3, 20, 41)
    return tf.constant(np.concatenate([-a[::-1], a]) if np.isinf(lower) else lower + a)


def test_the_table_is_complete():
    assert list(PARAMETER_ACTIVATIONS) == list(ALL)


@each_map
def test_forward(name):
    w = np.linspace(0.1, 2, 20)
    np.testing.assert_allclose(get_parameter_activation(name).forward(w), ALL[name](w), rtol=1e-12)


@each_map
def test_the_inverse_leads_back(name):
    phi, a = get_parameter_activation(name), _weights(name)
    np.testing.assert_allclose(phi.forward(phi.inverse(a)), a, rtol=1e-9)


@each_map
def test_the_derivative_in_terms_of_a_is_that_of_autodiff(name):
    phi, a = get_parameter_activation(name), _weights(name)
    (expected,) = helpers.gradients(phi.forward, phi.inverse(a))
    np.testing.assert_allclose(phi.derivative(a), expected, rtol=1e-9)


@each_map
def test_the_range(name):
    phi = get_parameter_activation(name)
    domain = np.geomspace(1e-6, 1e2, 200)
    if name != "log":
        domain = np.concatenate([-domain, domain])
    if name == "exp_exp":
        domain = np.clip(domain, -15, 6)
    a = phi.forward(tf.constant(domain)).numpy()
    assert np.all(np.isfinite(a))
    assert np.all(a > phi.lower)
    if np.isinf(phi.lower):
        assert a.min() < -1 and a.max() > 1
    else:
        assert a.min() < phi.lower + 1e-5 and a.max() > phi.lower + 50


def test_maps_of_a_positive_range_have_shares():
    assert set(SHARES) == {n for n, phi in PARAMETER_ACTIVATIONS.items() if phi.lower >= 0}


@pytest.mark.parametrize("name", SHARES)
def test_shares_are_parts_of_the_sum_and_so_are_their_gradients(name):
    phi = PARAMETER_ACTIVATIONS[name]
    w = np.random.default_rng(0).normal(size=(6, 4))
    c = np.random.default_rng(1).normal(size=(6, 4))

    def plain(w):
        a = phi.forward(w)
        return a / tf.reduce_sum(a, axis=0)

    np.testing.assert_allclose(SHARES[name](tf.constant(w)), plain(w), rtol=1e-12)
    found, expected = (
        helpers.gradients(lambda w, f=f: c * f(w), tf.constant(w))[0] for f in (SHARES[name], plain)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
    assert np.abs(found).min() > 1e-6


@pytest.mark.parametrize("name", ["sinh", "", None, 2, ["exp"]])
def test_unknown_names(name):
    known = r"\['identity', 'exp', 'square', 'log', 'reciprocal', 'exp_exp', 'cube', 'softplus'\]"
    with pytest.raises(ValueError, match=f"^parameter_activation must be one of {known}, got "):
        get_parameter_activation(name)
