"""Measures the speed of the training loop and of the layers, against others.

python -m training.benchmark

All contenders of a group run in this one process and take turns, round after round, so that
whatever else the machine does hits all alike: ratios are medians of the ratios within a round.
"""

import csv
import datetime
import io
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sonnet as snt
import tensorflow as tf
from absl import flags
from tqdm import tqdm

import weirdonetworks as wn
from training import app, contenders, results
from training import flags as shared
from training.contenders import Contender

COLUMNS = ("group", "contender", "round", "rate")


class Group(NamedTuple):
    """Contenders that are compared.

    Attributes:
      title: what is measured.
      contenders: those who take part.
      reference: the one with whom the others are compared.
      ratio: what the last column tells: the reference's rate over the contender's, or, with
        `faster`, the contender's over the reference's.
    """

    title: str
    contenders: Sequence[Contender]
    reference: str
    ratio: str
    faster: bool = False


def loops(size: int = 55_000) -> Group:
    """Training loops on one network."""
    sizes = "-".join(map(str, contenders.SIZES))
    return Group(
        f"Training loops: MLP {sizes}, GELU, Adam, batches of {contenders.BATCH_SIZE}",
        contenders.mlp_loops(contenders.random_split(size)),
        reference="weirdonetworks",
        ratio="weirdonetworks is .. times as fast",
    )


class OuterProduct(snt.Module):
    """y = W vec(x x') + b with all n^2 products in memory: what the packed layer replaces."""

    def __init__(self, output_size: int):
        super().__init__()
        self.linear = snt.Linear(output_size)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return self.linear(tf.reshape(x[:, :, None] * x[:, None, :], [-1, x.shape[1] ** 2]))


class WithHead(snt.Module):
    """images -> layer -> GELU -> logits."""

    def __init__(self, layer: snt.Module, flat: bool = True):
        super().__init__()
        self.layer, self.flat = layer, flat
        self.head = snt.Linear(10)

    def __call__(self, images: tf.Tensor, is_training: bool) -> tf.Tensor:
        x = tf.reshape(images, [-1, 784]) if self.flat else images
        return self.head(wn.functional.gelu(self.layer(x)))


def quadratic(units: int = 100, rank: int = 512) -> Group:
    """Quadratic layers of 784 pixels."""
    dense = wn.layers.PolynomialDense
    rows = [
        ("outer product", 200, lambda: OuterProduct(units)),
        ("packed monomials", 400, lambda: dense(units, degree=2, rank=None)),
        (f"low rank, {rank}", 5_000, lambda: dense(units, degree=2, rank=rank)),
    ]
    return Group(
        f"Quadratic layers: 784 pixels, {units} units, Adam, batches of {contenders.BATCH_SIZE}",
        [_in_our_loop(name, size, lambda make=make: WithHead(make())) for name, size, make in rows],
        reference="outer product",
        ratio="times as fast as the outer product",
        faster=True,
    )


def synchronous(group: str = "cyclic16", sizes: tuple[int, ...] = (128, 64)) -> Group:
    """The synchronous network and the one that it shares."""
    action = wn.groups.get_group(group)

    def turning():
        layers = [snt.Flatten()]
        for size in sizes:
            layers += [snt.Linear(size), wn.functional.gelu]
        return wn.layers.Synchronous(snt.Sequential(layers), action)

    shared_name = "the shared net alone"
    rows = [
        (shared_name, 10_000, lambda: wn.nets.MLP(hidden_sizes=sizes)),
        ("SynchronousMLP", 2_000, lambda: wn.nets.SynchronousMLP(lift_sizes=sizes, group=group)),
        ("turning the images", 200, lambda: WithHead(turning(), flat=False)),
    ]
    return Group(
        f"Synchronous networks: {group}, 784-{'-'.join(map(str, sizes))}-10, Adam, "
        f"batches of {contenders.BATCH_SIZE}",
        [_in_our_loop(*row) for row in rows],
        reference=shared_name,
        ratio=f"times its cost (|G| = {action.size})",
    )


GROUPS: dict[str, Callable[[], Group]] = {
    "loops": loops,
    "quadratic": quadratic,
    "synchronous": synchronous,
}


def _in_our_loop(name: str, size: int, build: Callable[[], snt.Module]) -> Contender:
    split = contenders.random_split(size)
    return Contender(name, size, contenders.compiled_loop(split, build))


def measure(
    rivals: Sequence[Contender],
    repeats: int,
    seconds: float,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, list[float]]:
    """The rates, images (or operations) a second, of every contender in every round.

    Each is prepared, runs one epoch to warm up and one to be timed, and then in each round as many
    epochs as fit into so many seconds, at least one.
    """
    running = []
    for rival in rivals:
        progress(rival.name)
        run = rival.prepare()
        run(1)
        start = time.perf_counter()
        run(1)
        epochs = max(1, round(seconds / (time.perf_counter() - start)))
        running.append((rival, run, epochs))
    rates = {rival.name: [] for rival in rivals}
    for _ in range(repeats):
        for rival, run, epochs in running:
            progress(rival.name)
            start = time.perf_counter()
            run(epochs)
            rates[rival.name].append(rival.amount * epochs / (time.perf_counter() - start))
    return rates
