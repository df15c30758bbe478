"""How far a function of images moves when its input is transformed.

Every measure is taken from the responses f(g_s x) of `respond`, so that the function is evaluated
once: responses are [n, S, k] for n images, S maps and k outputs.
"""

from typing import NamedTuple

import numpy as np

from weirdonetworks.groups import ImageAction
from weirdonetworks.stability.families import Family, identity, trapezoid


class Measure(NamedTuple):
    """A measure of each image, and how well the sampled s stand for all s.

    Attributes:
      values: float64 [n].
      step: the distance of neighbouring s, or None for an action, over which averages are exact.
      error: float64 [n], an estimate of values - (the limit of ever smaller steps): a third of the
        difference to the value of every second s (Richardson), since the rules used are of second
        order where s -> f(g_s x) is smooth. If it is rough on the scale of a step, as differences
        are where steps move resampled pixels by about one, they are rather of first order, and the
        error is up to three times as large. It is meant for means over images: single ones may by
        chance agree with the coarser value. All 0 for an action.
    """

    values: np.ndarray
    step: float | None
    error: np.ndarray


class WorstCase(NamedTuple):
    """The map by which an image's output is moved farthest.

    Attributes:
      distance: max_s |f(g_s x) - f(x)|_2, float64 [n].
      at: the first s at which it is reached, [n]; for an action, the index of the element.
    """

    distance: np.ndarray
    at: np.ndarray


def transformation_variance(responses, action: ImageAction | Family) -> Measure:
    """v(x) = E_s |f(g_s x) - E_s f(g_s x)|^2, the mean square distance from the mean output.

    |.|^2 is the sum of squares over the k outputs. All elements of an action count alike; over a
    family, E_s is the average of the trapezoid rule (see `Family`), which on a closed family is
    better than of second order if f(g_s x) is smooth in s, and the error an overestimate.

    Source: docs/ideas/synchronous_networks.md.

    Raises:
      ValueError: responses that are not finite [n, S, k] with S that of the action.
    """
    responses = _check_responses(responses, action)
    values = _variance(responses, _weights(action))
    if isinstance(action, ImageAction):
        return Measure(values, None, np.zeros(len(values)))
    coarse = responses[:, ::2]
    coarser = _variance(coarse, trapezoid(coarse.shape[1], action.closed))
    return Measure(values, action.step, (coarser - values) / 3)


def _variance(responses: np.ndarray, weights: np.ndarray) -> np.ndarray:
    mean = np.einsum("s,nsk->nk", weights, responses)
    return np.einsum("s,nsk->n", weights, np.square(responses - mean[:, None]))


def transformation_difference(responses, family: Family) -> Measure:
    """d(x) = integral of |d f(g_s x) / ds|_1 ds, the length of the output's path in the l1 norm.

    It has no unit of s. Taken from the linear interpolant between the s_i, of which it is exactly

      d(x) = sum_i |f(g_{s_{i+1}} x) - f(g_{s_i} x)|_1,

    from the last s to the first as well where the family is closed. This is never above the limit
    of smaller steps and of second order where f(g_s x) is smooth in s.

    Source: docs/ideas/synchronous_networks.md.

    Raises:
      ValueError: an action, whose elements have no order, or responses that are not finite
        [n, S, k] with S that of the family.
    """
    if not isinstance(family, Family):
        raise ValueError(
            "family must be a Family, whose maps follow one another (an action's elements have no "
            f"order), got {family!r}"
        )
    responses = _check_responses(responses, family)
    values = _variation(responses, family.closed)
    coarser = _variation(responses[:, ::2], family.closed)
    return Measure(values, family.step, (coarser - values) / 3)


def _variation(responses: np.ndarray, closed: bool) -> np.ndarray:
    # A plain difference of neighbours has no pair of the last and the first.
    end = responses[:, :1] if closed else responses[:, :0]
    return np.abs(np.diff(responses, axis=1, append=end)).sum(axis=(1, 2))


def displacement(responses, action: ImageAction | Family) -> np.ndarray:
    """|f(g_s x) - f(x)|_2 for each image and s, float64 [n, S].

    Raises:
      ValueError: an action or family without the identity, or responses that are not finite
        [n, S, k] with S that of the action.
    """
    responses = _check_responses(responses, action)
    return np.linalg.norm(responses - responses[:, [identity_index(action)]], axis=2)


def worst_case(responses, action: ImageAction | Family) -> WorstCase:
    """max_s |f(g_s x) - f(x)|_2 of each image over the sampled s, and the s of it.

    Raises:
      ValueError: as `displacement`.
    """
    distances = displacement(responses, action)
    index = np.argmax(distances, axis=1)
    at = action.parameters[index] if isinstance(action, Family) else index
    return WorstCase(np.max(distances, axis=1), at)


def instability(responses, action: ImageAction | Family) -> np.ndarray:
    """The area of instability, E_s [argmax f(g_s x) != argmax f(x)]: float64 [n] in [0, 1].

    The share of the range of s (see `Family.weights`; of the elements of an action) in which
    another class wins than for the image as it is, whether or not that one is right. Its
    discretisation error is of first order: where the winner changes is known up to a step.

    Raises:
      ValueError: less than two classes, or as `displacement`.
    """
    classes = _classes(_check_responses(responses, action))
    return (classes != classes[:, [identity_index(action)]]) @ _weights(action)


def accuracy_curve(responses, labels) -> np.ndarray:
    """The share of images with argmax f(g_s x) = label for each s, float64 [S].

    Raises:
      ValueError: less than two classes, or labels that are not integers [n] in [0, k).
    """
    return np.mean(_hits(responses, labels), axis=0)


def always_right(responses, labels) -> np.ndarray:
    """Whether argmax f(g_s x) = label at every sampled s, bool [n].

    Raises:
      ValueError: as `accuracy_curve`.
    """
    return np.all(_hits(responses, labels), axis=1)


def mean_by_class(values, labels, num_classes: int) -> np.ndarray:
    """The mean of values [n] over the images of each label: [num_classes], NaN for none.

    Raises:
      ValueError: values that are not [n], or labels that are not integers [n] in
        [0, num_classes).
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"values must be [n] with n >= 1, got shape {values.shape}")
    labels = check_labels(labels, len(values), num_classes)
    sums = np.bincount(labels, values, num_classes)
    counts = np.bincount(labels, minlength=num_classes)
    return np.divide(sums, counts, out=np.full(num_classes, np.nan), where=counts > 0)


def _weights(action: ImageAction | Family) -> np.ndarray:
    return action.weights if isinstance(action, Family) else trapezoid(action.size, closed=True)


def identity_index(action: ImageAction | Family) -> int:
    """Where the identity is among the maps; ValueError if it is not."""
    index = action.identity if isinstance(action, Family) else identity(action)
    if index is None:
        raise ValueError(
            "the maps must hold the identity, from which the output moves (choose low, high and "
            f"steps so that it is among them), got {action!r}"
        )
    return index


def _classes(responses: np.ndarray) -> np.ndarray:
    if responses.shape[2] < 2:
        raise ValueError(f"responses must be of at least 2 classes, got shape {responses.shape}")
    return np.argmax(responses, axis=2)


def _hits(responses, labels) -> np.ndarray:
    responses = _check_responses(responses)
    labels = check_labels(labels, len(responses), responses.shape[2])
    return _classes(responses) == labels[:, None]


def _check_responses(responses, action: ImageAction | Family | None = None) -> np.ndarray:
    if action is not None and not isinstance(action, (ImageAction, Family)):
        raise ValueError(f"action must be an ImageAction or a Family, got {action!r}")
    responses = np.asarray(responses, np.float64)
    size = "S" if action is None else action.size
    if responses.ndim != 3 or not responses.size or size not in ("S", responses.shape[1]):
        raise ValueError(
            f"responses must be [n, {size}, k] with n, k >= 1, got shape {responses.shape}"
        )
    if not np.all(np.isfinite(responses)):
        raise ValueError("responses must be finite, got NaN or infinity")
    return responses


def check_labels(labels, size: int, num_classes: int) -> np.ndarray:
    """Returns `labels` as an array of integers [size] in [0, num_classes)."""
    labels = np.asarray(labels)
    if labels.shape != (size,) or labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be integers [{size}], got {labels.dtype} {labels.shape}")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"labels must be in [0, {num_classes}), got {labels.min()} to {labels.max()}"
        )
    return labels
