"""One network of light, trained, and put on devices."""

import time
from typing import Any

import numpy as np
import tensorflow as tf

from training.engine import Loop, Recipe, Scorer
from training.experiments import CHOICE_SEED
from training.studies.phase_errors.network import Bench, LightNetwork, with_errors
from weirdonetworks.nets import count_numbers

TESTED = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)  # errors of devices, in radians
_ELSEWHERE = 1000  # from this one on are the devices on which a rate is chosen


def trial(
    axes: dict[str, Any], seed: int, choice: float, *, epochs: int, side: int, devices: int
) -> dict[str, Any]:
    """The table `runs` has a row, of the network where it was trained; `devices` has one for each
    device that it is put on. What chooses a rate does not see the test set.

    Raises:
      ValueError: images of several channels, or fewer modes than classes.
      FloatingPointError: the training diverges.
    """
    data, noise = axes["dataset"], axes["noise"]
    if data.image_shape[2] != 1:
        raise ValueError(f"dataset must have images of one channel, got {data.image_shape}")
    if side**2 < data.num_classes:
        raise ValueError(f"side must leave {data.num_classes} modes for the classes, got {side}")
    tf.random.set_seed(seed)
    own = noise if axes["training"] == "device" else 0.0
    network = LightNetwork(data.num_classes, side, own, device=seed)
    batch_size = min(200, len(data.train))
    recipe = Recipe(epochs=epochs, batch_size=batch_size, learning_rate=choice)
    step = with_errors(noise) if axes["training"] == "anew" else None
    start = time.perf_counter()
    loop = Loop(network, data.train, recipe, seed, step=step)
    for _ in range(epochs):
        loop.run_epoch()
    bench = Bench(data.num_classes, side, data.image_shape)
    scorer = Scorer(bench.network)

    def put(tested: float, device: int, split) -> float:
        bench.put(network, tested, device)
        return scorer.accuracy(split)

    # A network on its own device is chosen there, any other one on devices of its noise.
    places = [seed] if own else range(_ELSEWHERE, _ELSEWHERE + (2 if noise else 1))
    row = {
        "validation_accuracy": float(np.mean([put(noise, d, data.validation) for d in places])),
        "numbers": count_numbers(network).trained,
        "seconds": time.perf_counter() - start,
    }
    if seed == CHOICE_SEED:
        return row
    row["test_accuracy"] = put(own, seed, data.test)
    others = [seed + 1 + device for device in range(devices)]
    rows = [
        {"tested": tested, "device": device, "test_accuracy": put(tested, device, data.test)}
        for tested in TESTED
        for device in (others if tested else others[:1])
    ]
    return {"runs": [row], "devices": rows}
