"""Activations by name."""

import functools
from collections.abc import Callable

import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks.functional.cdfs import DISTRIBUTIONS, cdf_gate, gated, gelu, same_shape
from weirdonetworks.functional.group_activations import group_softmax, maxout, sort_groups
from weirdonetworks.functional.iterates import half_exp
from weirdonetworks.functional.normalized import (
    layer_norm,
    solu,
    solu_layer_norm,
    xexp_layer_norm,
)
from weirdonetworks.functional.stochastic import stochastic_gelu

Activation = Callable[[tf.Tensor], tf.Tensor]


def identity(x: tf.Tensor) -> tf.Tensor:
    """x: what a network can do without an activation, a linear map (Baldi and Hornik 1989, "Neural
    networks and principal component analysis")."""
    return tf.identity(_tensor_checks.floating("x", x))


def relu(x: tf.Tensor) -> tf.Tensor:
    """max(x, 0), with slope 0 at 0 (Nair and Hinton 2010, "Rectified linear units")."""
    return tf.nn.relu(_tensor_checks.floating("x", x))


def silu(x: tf.Tensor) -> tf.Tensor:
    """x / (1 + e^-x), x CDF(x) for the logistic CDF (Hendrycks and Gimpel 2016, "GELUs")."""
    return tf.nn.silu(_tensor_checks.floating("x", x))


def softplus(x: tf.Tensor) -> tf.Tensor:
    """log(1 + e^x), the antiderivative of the sigmoid (Dugas et al. 2001, "Incorporating
    second-order functional knowledge for better option pricing")."""
    return tf.nn.softplus(_tensor_checks.floating("x", x))


def tanh(x: tf.Tensor) -> tf.Tensor:
    """tanh x, odd, in [-1, 1], with slope 1 at 0 (LeCun et al. 1998, "Efficient backprop")."""
    return tf.tanh(_tensor_checks.floating("x", x))


def sigmoid(x: tf.Tensor) -> tf.Tensor:
    """1 / (1 + e^-x), the CDF of the logistic distribution, in [0, 1] (Rumelhart, Hinton and
    Williams 1986, "Learning representations by back-propagating errors")."""
    return tf.sigmoid(_tensor_checks.floating("x", x))


def gelu_tanh(x: tf.Tensor) -> tf.Tensor:
    """x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2: `gelu` to 5e-4, and quicker on a CPU.

    Source: Hendrycks and Gimpel 2016, "GELUs".
    """
    x = _tensor_checks.floating("x", x)
    z = tf.clip_by_value(x, -10, 10)  # where tanh has come to +-1: further out z^3 overflows
    z += tf.constant(0.044715, x.dtype) * tf.pow(z, 3)
    return 0.5 * x * (1 + tf.tanh(0.7978845608028654 * z))


def and_gate(activation: str | Activation) -> Activation:
    """x -> x f(x) for an activation f: passes x as far as f does, "x and f(x)".

    f = sigmoid gives the SiLU, f = Phi the GELU, f = relu the squared ReLU, f = tanh an even
    function, x tanh(x), which tells |x| smoothly.

    Source: the gates of Hendrycks and Gimpel 2016 and So et al. 2021, "Primer: searching for
    efficient transformers for language modeling" (squared ReLU), under one name.

    "stochastic_gelu" is its mean here, and draws nothing.

    Raises:
      ValueError: as `get_activation`; a module that wants is_training, such as `StochasticGELU`;
        and, when called, an f(x) of another type or shape than x.
    """
    gate = functools.partial(gated, _elementwise(activation))
    gate.__doc__ = f"x f(x) with f = {_label(activation)}: see `and_gate` for claim and source."
    return gate


def or_gate(activation: str | Activation) -> Activation:
    """x -> x + f(x) for an activation f: passes what either does, "x or f(x)".

    A residual connection around f: for an increasing f the slope is 1 at least, so that no gradient
    vanishes. f = relu gives slopes 1 and 2.

    Source: He et al. 2016, "Deep residual learning for image recognition", of each unit alone.

    Raises ValueError as `and_gate`.
    """
    gate = functools.partial(added, _elementwise(activation))
    gate.__doc__ = f"x + f(x) with f = {_label(activation)}: see `or_gate` for claim and source."
    return gate


def _elementwise(activation: str | Activation) -> Activation:
    function = get_activation(activation)
    if getattr(function, "takes_is_training", False):
        raise ValueError(
            f"activation must be a function of x alone, got {_checks.received(activation)}"
        )
    return function


def _label(activation: str | Activation) -> str:
    return activation if isinstance(activation, str) else getattr(activation, "__name__", "given")


def added(activation: Activation, x: tf.Tensor) -> tf.Tensor:
    """x + f(x)."""
    x = _tensor_checks.floating("x", x)
    return x + same_shape(activation, x)


def get_activation(activation: str | Activation) -> Activation:
    """The activation of this name; a callable, such as a Module, is returned as it is.

    Raises:
      ValueError: an unknown name, neither a name nor a callable, or a class, not an instance.
    """
    if isinstance(activation, type):
        raise ValueError(
            f"activation must be an instance, {activation.__name__}(), got the class itself"
        )
    if callable(activation):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be a callable or one of {list(ACTIVATIONS)}, "
            f"got {_checks.received(activation)}"
        )
    return ACTIVATIONS[activation]


ACTIVATIONS: dict[str, Activation] = {
    "identity": identity,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "relu": relu,
    "silu": silu,
    "softplus": softplus,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "half_exp": half_exp,
    "stochastic_gelu": stochastic_gelu,  # its mean, without a seed
    # Those of distributions that are not above: gate_logistic is silu, gate_normal gelu,
    # ramp_logistic softplus.
    **{f"ramp_{name}": d.ramp for name, d in DISTRIBUTIONS.items() if name != "logistic"},
    **{
        f"gate_{name}": cdf_gate(name)
        for name in DISTRIBUTIONS
        if name not in ("logistic", "normal")
    },
    "and_tanh": and_gate(tanh),
    "and_relu": and_gate(relu),
    "and_softplus": and_gate(softplus),
    "or_tanh": or_gate(tanh),
    "or_relu": or_gate(relu),
    "or_gelu": or_gate(gelu),
    # All units of the last axis together, or in groups.
    "layer_norm": layer_norm,
    "solu": solu,
    "solu_layer_norm": solu_layer_norm,
    "xexp_layer_norm": xexp_layer_norm,
    "maxout": maxout,
    "sort_groups": sort_groups,
    "group_softmax": group_softmax,
}
