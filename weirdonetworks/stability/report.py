"""All measures of a function on some images, along a family of transformations."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from weirdonetworks.stability import measures
from weirdonetworks.stability.families import Family
from weirdonetworks.stability.measures import Measure, WorstCase
from weirdonetworks.stability.responses import respond


class Report(NamedTuple):
    """All measures of a function on some images, along a family.

    Attributes:
      family: the path of maps.
      labels: int [n], or None, and so is then what needs them.
      responses: f(g_s x), [n, S, k], the output curve of each image.
      variance, difference: see `transformation_variance` and `transformation_difference`.
      displacement: |f(g_s x) - f(x)|_2, [n, S].
      worst: its largest value for each image, and where.
      instability: see there, [n]; None for k = 1.
      accuracy: at each s, [S].
      always_right: whether right at every s, [n].
    """

    family: Family
    labels: np.ndarray | None
    responses: np.ndarray
    variance: Measure
    difference: Measure
    displacement: np.ndarray
    worst: WorstCase
    instability: np.ndarray | None
    accuracy: np.ndarray | None
    always_right: np.ndarray | None

    @property
    def instability_by_class(self) -> np.ndarray | None:
        """The mean instability of the images of each class, [k], NaN where there are none."""
        if self.labels is None:
            return None
        return measures.mean_by_class(self.instability, self.labels, self.responses.shape[2])

    def summary(self) -> dict[str, float]:
        """Means over the images, and over s where a measure is a curve."""
        values = {
            "variance": self.variance.values.mean(),
            "variance_error": self.variance.error.mean(),
            "difference": self.difference.values.mean(),
            "difference_error": self.difference.error.mean(),
            "worst_distance": self.worst.distance.mean(),
        }
        if self.instability is not None:
            values["instability"] = self.instability.mean()
        if self.labels is not None:
            values |= {
                "upright_accuracy": self.accuracy[self.family.identity],
                "mean_accuracy": self.family.weights @ self.accuracy,
                "worst_accuracy": self.accuracy.min(),
                "always_right": self.always_right.mean(),
            }
        return {name: float(value) for name, value in values.items()}


def measure(
    function: Callable[[Any], Any],
    images,
    family: Family,
    labels=None,
    batch_size: int = 1000,
) -> Report:
    """All measures of images -> [batch, k] along a family, from one pass over the images.

    Distances are in units of the outputs: probabilities are comparable between networks, logits
    are not.

    Raises:
      ValueError: a family without the identity, labels that are not integers [n] in [0, k), or
        whatever `respond` refuses.
    """
    if not isinstance(family, Family):
        raise ValueError(f"family must be a Family such as stability.rotation(), got {family!r}")
    measures.identity_index(family)
    responses = respond(function, images, family, batch_size)
    classes = responses.shape[2]
    if labels is not None:
        labels = measures.check_labels(labels, len(responses), classes)
    return Report(
        family=family,
        labels=labels,
        responses=responses,
        variance=measures.transformation_variance(responses, family),
        difference=measures.transformation_difference(responses, family),
        displacement=measures.displacement(responses, family),
        worst=measures.worst_case(responses, family),
        instability=measures.instability(responses, family) if classes > 1 else None,
        accuracy=None if labels is None else measures.accuracy_curve(responses, labels),
        always_right=None if labels is None else measures.always_right(responses, labels),
    )
