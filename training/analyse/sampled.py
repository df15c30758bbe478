"""How well networks do that are drawn from a trained one's covariances."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import sonnet as snt
import tensorflow as tf

from training.data import Dataset, Split
from training.engine.loop import scale
from weirdonetworks import _checks
from weirdonetworks.analysis import refit_head, sample_network

# How the hidden weights are drawn, by name: arguments of `sample_network`.
DRAWS: dict[str, dict[str, bool]] = {
    "aligned": {},
    "unaligned": {"aligned": False},
    "white": {"coloured": False},
}
KINDS = ("trained", *DRAWS)
HEADS = ("trained", "refitted")  # the reference's last layer, or one that is fitted anew
COLUMNS = ("hidden", "head", "draw", "validation_accuracy", "test_accuracy")
_BATCH = 1000


def some_images(split: Split, count: int) -> tf.Tensor:
    """That many images of a split, drawn with a fixed seed, scaled; all, if there are fewer."""
    order = np.random.default_rng(0).permutation(len(split))
    return scale(split.images[order[:count]])


def accuracy(network: snt.Module, split: Split) -> float:
    """The share of a split's images that are classified correctly.

    Eager: to compile each of many networks that are scored once would take longer.
    """
    found = [
        np.argmax(network(scale(split.images[i : i + _BATCH])), axis=1)
        for i in range(0, len(split), _BATCH)
    ]
    return float(np.mean(np.concatenate(found) == split.labels))


def draw_seed(seed: int, draw: int) -> int:
    """The seed of `sample_network` for this draw from the run that was trained with this seed.

    Another one for every pair of integers >= 0, as far as 64 bits tell: with one seed for two runs,
    white networks drawn from them would be the same but for the size of their weights, and the
    spread over the runs would leave out that of the draws. Raises ValueError for other arguments.
    """
    seed = _checks.integer("seed", seed, minimum=0)
    draw = _checks.integer("draw", draw, minimum=0)
    # Not the entropy [seed, draw]: [2^32, 0] and [0, 1] are one sequence of words, padded with 0.
    return int(np.random.SeedSequence(seed, spawn_key=(draw,)).generate_state(1, np.uint64)[0])


def score_samples(
    network: snt.Module,
    splits: Dataset,
    seed: int,
    draws: int,
    images: int,
    report: Callable[[], Any] = lambda: None,
) -> list[dict[str, Any]]:
    """Accuracies of a trained network and of networks drawn from it, a row (`COLUMNS`) each.

    Every kind of `DRAWS` is drawn `draws` times, aligned on `images` training images, and scored
    with the trained head (turned to the drawn network, if that is aligned) and with a head that is
    fitted to all training images. The draws of a kind, and those from networks trained with other
    seeds, are independent; the kinds of one draw share their random numbers, for the difference
    between them.

    seed: with which the network was trained, see `draw_seed`.
    report: called after each network.
    """
    inputs, everything = some_images(splits.train, images), scale(splits.train.images)
    rows = []

    def score(hidden: str, draw: int | str, drawn: snt.Module) -> None:
        heads = {"trained": drawn}
        heads["refitted"] = refit_head(drawn, everything, splits.train.labels)
        for head, whole in heads.items():
            scores = {
                f"{s}_accuracy": accuracy(whole, getattr(splits, s)) for s in ("validation", "test")
            }
            rows.append({"hidden": hidden, "head": head, "draw": draw, **scores})
        report()

    score("trained", "", copy.deepcopy(network))
    for hidden, arguments in DRAWS.items():
        for draw in range(draws):
            drawn = sample_network(network, inputs, seed=draw_seed(seed, draw), **arguments)
            score(hidden, draw, drawn)
    return rows
