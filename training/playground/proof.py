"""How far a turn can move the outputs of a synchronous network: proven for one picture."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf

from weirdonetworks import groups, stability

_AT_ONCE = 15.0  # less takes longer in all


class Proof(NamedTuple):
    """What is proven of the outputs F of a network for an image x and rotations h.

    answer: the class that the network tells of x.
    exact: whether F(hx) = F(x) for quarter turns, up to rounding: then the first quarter of the
      circle is all of it.
    done: the share of the work that is done.
    kept: the share of the angles on which the answer is proven to stay, in parts of 15 degrees.
    distances: a row for each degree, with the largest |F(hx) - F(x)|_2 up to the next one that
      was `measured`, and that is possible by what is `proven`.
    """

    answer: int
    exact: bool
    done: float
    kept: float
    distances: pd.DataFrame

    def text(self) -> str:
        """In words."""
        if self.done < 1:
            return f"Proving: {100 * self.done:.0f} %"
        angles = "every angle" if self.kept == 1 else f"{100 * self.kept:.0f} % of all angles"
        others = "" if self.kept == 1 else " Of the others nothing is said."
        turns = " Quarter turns move the outputs by rounding only." if self.exact else ""
        measured, proven = self.distances["measured"].max(), self.distances["proven"].max()
        return (
            f"Proven: the answer stays {self.answer} at {angles}.{others}{turns} No turn moves the "
            f"outputs by more than {proven:.3g} in the l2 norm; measured were {measured:.3g}."
        )


def prove(network: tf.Module, image: np.ndarray, step: float = 0.025) -> Iterator[Proof]:
    """Certifies a network on an image [height, width] in [0, 1], 15 degrees after the other.

    step: of the certificate, in degrees; trained networks ask for some hundredths.

    Raises:
      ValueError: a network that `stability.certify_rotations` does not know.
    """
    x = image[None, ..., None]
    answer = int(tf.argmax(network(tf.constant(x)), axis=1)[0])
    exact = bool(stability.certify(network, x, groups.cyclic(4, image.shape)).is_rounding)
    starts = np.arange(0, 90 if exact else 360, _AT_ONCE)
    tables, kept = [], 0
    for done, low in enumerate(starts, 1):
        degrees = stability.rotation_grid(low, low + _AT_ONCE, step, image.shape)
        found = stability.certify_rotations(network, x, degrees)
        kept += bool(found.stable[0])
        bounds = {"measured": found.measured[0, :-1], "proven": found.bound[0]}
        table = pd.DataFrame({"degrees": np.floor(degrees[:-1]), **bounds})
        tables.append(table.groupby("degrees", as_index=False).max())
        distances = pd.concat(tables, ignore_index=True)
        yield Proof(answer, exact, done / len(starts), kept / len(starts), distances)
