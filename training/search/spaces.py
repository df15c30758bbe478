"""Families of networks in which to look: what is chosen, and a size that fills what is allowed."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

import weirdonetworks as wn
from training.data import Dataset
from training.engine.recipes import Recipe
from training.engine.run import resolve

_MOST_SIZE = 2**18


class Family(NamedTuple):
    """Networks of one kind.

    Attributes:
      network: its name.
      choices: values by name, of which a search tries the first ones first.
      arguments: (choices, size) -> arguments of the network, which has the more numbers the larger
        the size is.
    """

    network: str
    choices: Mapping[str, Sequence[Any]]
    arguments: Callable[[Mapping[str, Any], int], dict[str, Any]]


FAMILIES: dict[str, Family] = {
    # The order of the pixels means nothing to these.
    "mlp": Family("mlp", {"depth": (1, 2)}, lambda c, n: {"hidden_sizes": (n,) * c["depth"]}),
    "quadratic": Family(
        "quadratic_mlp", {"hidden": (False, True)},
        lambda c, n: {"rank": n, "hidden_sizes": (n,) if c["hidden"] else ()},
    ),
    "comodulation": Family(
        "comodulation_mlp", {"alpha": (0.25, 0.5)},
        lambda c, n: {"hidden_sizes": (n,), "alpha": c["alpha"]},
    ),
    "posynomial": Family(
        "posynomial_mlp", {"hidden": (False, True)},
        lambda c, n: {"num_terms": n, "hidden_sizes": (n,) if c["hidden"] else ()},
    ),
    "hashed": Family(
        "hashed_mlp", {"hidden": (400, 200, 800)},
        lambda c, n: {"hidden_sizes": (c["hidden"],), "compression": _MOST_SIZE / n},
    ),
    "autoactivation": Family("autoactivation_mlp", {}, lambda c, n: {"hidden_sizes": (n,)}),
    # These know the layout, and see each pixel once.
    "rows": Family(
        "row_recurrent", {"rows": (1, 2), "rank": (None, 8, 12, 16)},
        lambda c, n: {"size": n, **c},
    ),
    "kronecker": Family(
        "kronecker_mlp", {"depth": (1, 2), "terms": (2, 1, 3)},
        lambda c, n: {"hidden_shapes": ((n, n),) * c["depth"], "num_terms": c["terms"]},
    ),
    "mixer": Family(
        "mixer_mlp", {"patch_size": (7, 4, 14), "depth": (1, 2), "repeats": (1, 2, 4)},
        lambda c, n: {"size": n, **c},
    ),
    "patches": Family(
        "patch_mlp", {"patch_size": (7, 4, 14), "hidden": (24, 16, 32)},
        lambda c, n: {"patch_size": c["patch_size"], "patch_sizes": (2 * n, n),
                      "hidden_sizes": (c["hidden"],)},
    ),
    "frequencies": Family(
        "dct_mlp", {"frequencies": (8, 6, 10, 12), "unit": ("dense", "product", "comodulation")},
        lambda c, n: {"hidden_sizes": (n,), **c},
    ),
    "attention": Family(
        "row_attention", {"depth": (1, 2, 3), "heads": (1, 2)},
        lambda c, n: {"size": 2 * n, "mlp_size": 4 * n, "alpha": 1.0, **c},
    ),
    # Each pixel is seen more than once: by rows and columns, or by windows that overlap, which are
    # convolutions in all but name.
    "crosswise": Family(
        "row_recurrent", {"rank": (None, 12, 16, 24)},
        lambda c, n: {"size": n, "columns": True, **c},
    ),
    "windows": Family(
        "patch_mlp", {"window": ((12, 8), (8, 4), (10, 6), (12, 4)), "hidden": (24, 16, 32)},
        lambda c, n: {"patch_size": c["window"][0], "stride": c["window"][1],
                      "patch_sizes": (2 * n, n), "hidden_sizes": (c["hidden"],)},
    ),
    # These hold the rotations: one network for all turned images.
    "turned": Family(
        "synchronous_mlp",
        {"mix": ((24, 24, 24), (24, 24), (16, 16), (16,)), "pooling": ("max", "mean")},
        lambda c, n: {"lift_sizes": (n,), "mix_sizes": c["mix"], "head_sizes": (),
                      "pooling": c["pooling"]},
    ),
}  # fmt: skip


def largest(
    family: Family,
    choices: Mapping[str, Any],
    most: int,
    data: Dataset,
    most_size: int = _MOST_SIZE,
) -> tuple[dict[str, Any], int] | None:
    """The arguments of the largest network of at most so many numbers, and how many it has.

    None, if the smallest has more, or none fits the images.
    """

    def count(size: int) -> int:
        _, made = resolve(family.network, data, Recipe(family.arguments(choices, size)))
        made(tf.zeros([1, *data.image_shape]))
        return wn.nets.count_numbers(made).trained

    try:
        if count(1) > most:
            return None
    except ValueError:  # patches that do not divide the image, and the like
        return None
    low, high = 1, 2  # count(low) <= most < count(high)
    while high <= most_size and count(high) <= most:
        low, high = high, 2 * high
    high = min(high, most_size + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= most else (low, middle)
    return family.arguments(choices, low), count(low)


def fits(family: Family, most: int, data: Dataset) -> bool:
    """Whether some network of the family has at most so many numbers."""
    combinations = itertools.product(*family.choices.values())
    return any(
        largest(family, dict(zip(family.choices, values, strict=True)), most, data, 1)
        for values in combinations
    )
