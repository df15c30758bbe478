"""Ways to make one classifier of several: from logits [n, experts, classes] to log p [n, classes].

Those with learned numbers take them from validation logits and labels. Each learns by the layer
`ProductOfExperts`: with one expert in it, its weight is the inverse of a temperature.
"""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from scipy.special import log_softmax, logsumexp

from training.engine.optimizers import SCHEDULES, create_optimizer
from training.engine.trainer import Trainer
from weirdonetworks.layers import ProductOfExperts

_STEPS, _RATE = 400, 0.05  # of Adam on all of the validation split, where the loss is convex in w
Rule = Callable[[np.ndarray], np.ndarray]


def learned_weights(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The weights w >= 0, [experts], of the least mean negative log likelihood."""
    trainer = _trainer(*logits.shape[1:])
    trainer.begin(0)
    trainer.run(0, _STEPS, logits.astype(np.float32), labels.astype(np.int32))
    return trainer.network.weights.numpy()


def mixture_weights(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The weights >= 0 that sum to 1, [experts], of the mixture of the greatest likelihood, by EM,
    of which no step lowers it."""
    own = np.exp(log_softmax(logits, axis=2))[np.arange(len(labels)), :, labels]
    weights = np.full(logits.shape[1], 1 / logits.shape[1])
    for _ in range(_STEPS):
        shares = weights * own
        weights = np.mean(shares / shares.sum(axis=1, keepdims=True), axis=0)
    return weights


def best(logits: np.ndarray, labels: np.ndarray) -> int:
    """The expert that is right most often, the first of several."""
    return int(np.argmax((logits.argmax(axis=2) == labels[:, None]).mean(axis=0)))


def rules(logits: np.ndarray, labels: np.ndarray) -> dict[str, tuple[Rule, np.ndarray]]:
    """By name: the rule that follows from validation logits and labels, and its weights."""
    count, chosen = logits.shape[1], best(logits, labels)
    one, none = np.eye(count)[chosen], np.array([])

    def tempered(rule: Rule) -> tuple[Rule, np.ndarray]:
        weight = learned_weights(rule(logits)[:, None], labels)
        return lambda x: log_softmax(weight * rule(x), axis=1), weight

    def product(weights: np.ndarray) -> tuple[Rule, np.ndarray]:
        return lambda x: log_softmax(np.einsum("nec,e->nc", x, weights), axis=1), weights

    equal, shares = np.full(count, 1 / count), mixture_weights(logits, labels)
    mixture = functools.partial(mean, weights=shares)
    return {
        "best expert": product(one),
        "best expert, tempered": tempered(product(one)[0]),
        "vote": (vote, none),
        "mean of probabilities": (mean, none),
        "mean of probabilities, tempered": tempered(mean),
        "mean, learned weights": (mixture, shares),
        "mean, learned weights, tempered": tempered(mixture),
        "product, all weights 1": product(np.ones(count)),
        "product, mean of logits": product(equal),
        "product, mean of logits, tempered": tempered(product(equal)[0]),
        "product, learned weights": product(learned_weights(logits, labels)),
    }


def mean(logits: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """log of the mean of the experts' probabilities, with these weights if there are some."""
    weights = 1 / logits.shape[1] if weights is None else weights[:, None]
    return logsumexp(log_softmax(logits, axis=2), axis=1, b=weights)


def vote(logits: np.ndarray) -> np.ndarray:
    """log of the share of the experts whose most probable class it is: -inf for that of none.

    Ties are broken by the mean of probabilities, whose share in the result is 1e-6 where there are
    votes.
    """
    classes = logits.shape[2]
    shares = (logits.argmax(axis=2)[:, :, None] == np.arange(classes)).mean(axis=1)
    shares = np.where(shares > 0, shares + 1e-6 * np.exp(mean(logits)), 0)
    with np.errstate(divide="ignore"):
        return np.log(shares / shares.sum(axis=1, keepdims=True))


@functools.lru_cache(maxsize=4)
def _trainer(experts: int, classes: int) -> Trainer:
    """Compiled once for all groups."""

    def make() -> ProductOfExperts:
        network = ProductOfExperts()
        network(tf.zeros([1, experts, classes]))
        return network

    def loss(network, i, logits, labels) -> tf.Tensor:
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, network(logits))
        )

    def rate(i: tf.Tensor) -> tf.Tensor:
        return _RATE * SCHEDULES["cosine"](tf.cast(i, tf.float32) / _STEPS)

    return Trainer(make, loss, create_optimizer("adam", _RATE), rate)
