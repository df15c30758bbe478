"""Activations in networks: by name, and with is_training for those that draw."""

from collections.abc import Callable

import tensorflow as tf

from weirdonetworks import _tensor_checks
from weirdonetworks.functional.activations import Activation, get_activation
from weirdonetworks.functional.stochastic import stochastic_gelu
from weirdonetworks.layers._draws import Draws


class StochasticGELU(Draws):
    """y = x m with m ~ Bernoulli(Phi(x)) in training, y = x Phi(x), the GELU, otherwise.

    Any shape of floating inputs. In training, outputs have the GELU as their mean, and gradients
    that of the GELU: see `functional.stochastic_gelu` for both and for the source. The masks are a
    pure function of (key, number of calls), two variables, as those of `Dropout`: a checkpoint
    continues with them. A network that uses one for several layers draws for each.
    """

    def __call__(self, inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
        inputs = _tensor_checks.floating("StochasticGELU inputs", inputs)
        self._initialize()
        return stochastic_gelu(inputs, self._next_seed() if is_training else None)


# What stands for a function of `functional.ACTIVATIONS` in a network that is trained.
MODULES: dict[str, type[Draws]] = {"stochastic_gelu": StochasticGELU}


def create_activation(activation: str | Activation) -> Activation | Draws:
    """What a network keeps of its argument `activation`: a function, or a module where one draws.

    Functions stay what they are, so that networks with them have no part more in a checkpoint.

    Raises:
      ValueError: as `functional.get_activation`.
    """
    if isinstance(activation, str) and activation in MODULES:
        return MODULES[activation]()
    return get_activation(activation)


def call(function: Callable[..., tf.Tensor], inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
    """function(inputs), or function(inputs, is_training) where it wants that.

    `StochasticGELU` and `Dropout` do, and a Module of yours with the attribute
    `takes_is_training = True` (its signature would not tell: Sonnet hides it).
    """
    if getattr(function, "takes_is_training", False):
        return function(inputs, is_training)
    return function(inputs)


def activate(
    activation: Callable[..., tf.Tensor], inputs: tf.Tensor, is_training: bool
) -> tf.Tensor:
    """`call`, for what keeps all axes but the last.

    Raises:
      ValueError: outputs that are no tensor, or of another shape but for the last axis.
    """
    outputs = call(activation, inputs, is_training)
    shape = getattr(outputs, "shape", None)
    if not isinstance(shape, tf.TensorShape):
        raise ValueError(f"activation must give a tensor, got {type(outputs).__name__}")
    if not inputs.shape[:-1].concatenate([None]).is_compatible_with(shape):
        raise ValueError(
            f"activation must keep all axes but the last of {inputs.shape}, got {shape}"
        )
    return outputs
