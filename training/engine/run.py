"""A network that is trained: scored, asked, drawn, kept and found again."""

import dataclasses
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.data import SPLITS, Dataset, Split
from training.data.transformations import Transformations
from training.engine import steps
from training.engine.invariant_start import average_over_rotations
from training.engine.loop import Loop, scale
from training.engine.recipes import Recipe, recipe_for, recipe_names
from training.engine.scoring import Scorer
from training.engine.workdir import METRICS, Workdir, num_parameters
from training.report.figures import draw_metrics
from weirdonetworks import _checks, pretrained
from weirdonetworks.commands.versions import versions
from weirdonetworks.groups import translations
from weirdonetworks.layers.synchronous import Synchronous

MOST_SHIFTS = 8  # pixels: 289 images for one


@dataclasses.dataclass(eq=False, repr=False)
class Run:
    """A network that is, or was, trained.

    Attributes:
      network: the trained module, images [batch, height, width, channels] in [0, 1] -> logits.
      history: a row for each epoch: loss, accuracies, learning rate, seconds.
      config: everything that the result depends on.
      dataset: what it was trained on; None for a run that was loaded without it.
    """

    network: snt.Module
    history: pd.DataFrame
    config: dict[str, Any]
    dataset: Dataset | None = None
    _loop: Loop | None = None
    _scorer: Scorer | None = None

    def __repr__(self) -> str:
        epochs, dataset = len(self.history), self.config["dataset"]
        return f"Run({self.name} on {dataset}, {epochs} epochs, {self.parameters:,} parameters)"

    @property
    def name(self) -> str:
        """Of the network."""
        return self.config["network"]

    @property
    def parameters(self) -> int:
        """How many trainable numbers the network has."""
        return num_parameters(self.network)

    @property
    def scorer(self) -> Scorer:
        """Compiled for this network, once."""
        if self._scorer is None:
            self._scorer = Scorer(self.network)
        return self._scorer

    def evaluate(self, split: str | Split = "test") -> float:
        """The share of the images of a split that are classified correctly.

        Raises:
          ValueError: an unknown split, or none of a run that was loaded without its data.
        """
        return self.scorer.accuracy(self._split(split))

    def _split(self, split: str | Split) -> Split:
        if isinstance(split, Split):
            shape = tuple(self.config["image_shape"])
            if split.images.shape[1:] != shape:
                raise ValueError(
                    f"split must have images of the shape {shape}, got {split.images.shape[1:]}"
                )
            return split
        _checks.choice("split", split, SPLITS)
        if self.dataset is None:
            raise ValueError(
                "split must be a Split, since this run was loaded without its data, "
                f"got {_checks.received(split)}"
            )
        return getattr(self.dataset, split)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """The softmax of the logits of uint8 images, [n, classes].

        Raises:
          ValueError: images of another type or shape than those that it was trained on.
        """
        shape = tuple(self.config["image_shape"])
        images = np.asarray(images)
        if images.ndim == 3 and shape[-1] == 1:
            images = images[..., None]
        if images.dtype != np.uint8 or images.shape[1:] != shape or not len(images):
            raise ValueError(
                f"images must be uint8 [n, {', '.join(map(str, shape))}], n >= 1, "
                f"got {images.dtype} {list(images.shape)}"
            )
        return self.scorer.probabilities(images)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The likeliest class of each of these uint8 images, int [n]."""
        return np.argmax(self.probabilities(images), axis=1)

    def over_shifts(self, shifts: int = 1) -> "Run":
        """With the mean of the network's logits over all shifts by at most so many pixels.

        `layers.Synchronous` of the network and `groups.translations(shifts)`: no more numbers, but
        (2 shifts + 1)^2 times the work. It is not trained; it can be scored and asked as this run.

        Raises:
          ValueError: a number of pixels that is no integer in [1, 8], or images that are none.
        """
        shifts = _checks.integer("shifts", shifts, maximum=MOST_SHIFTS)
        if self.dataset is not None:
            self.dataset.check_pictures("shifts", shifts)
        group = translations(shifts, tuple(self.config["image_shape"][:2]))
        shifted = Synchronous(self.network, group, "mean")
        return dataclasses.replace(self, network=shifted, _loop=None, _scorer=None)

    def plot(self):
        """A matplotlib figure: loss and accuracy by epoch."""
        return draw_metrics(self.history, f"{self.name} on {self.config['dataset']}")

    def save(self, workdir: str | Path) -> dict[str, Any]:
        """Writes the files of a finished run, as the command line does, and returns its result.

        Raises:
          ValueError: a folder that holds something else, or a run that was loaded, not trained.
          OSError: it cannot be written.
        """
        if self._loop is None:
            raise ValueError(
                "a run that was loaded is in its folder already, and a mean over shifts is made "
                f"anew by over_shifts, got {_checks.received(workdir)}"
            )
        files = Workdir(workdir)
        with files.alone():
            files.claim(self.config, resume=False)
            files.write_metrics(self.history.to_dict("records"))
            files.save(self._loop.checkpoint, self._loop.epoch)
            return self.write_result(files)

    def write_result(self, files: Workdir) -> dict[str, Any]:
        """Scores the test set, and writes result.json and curves.png."""
        result = {
            "network": self.name,
            "dataset": self.config["dataset"],
            "test_accuracy": self.evaluate("test"),
            "validation_accuracy": float(self.history["validation_accuracy"].iloc[-1]),
            "training_loss": float(self.history["loss"].iloc[-1]),
            "parameters": self.parameters,
            "seed": self.config["seed"],
            "epochs": self.config["epochs"],
            "seconds": float(sum(self.history["seconds"])),
            "versions": versions(),
        }
        figure = self.plot()
        figure.suptitle(
            f"{self.name} on {result['dataset']}: {100 * result['test_accuracy']:.2f} % on test"
        )
        files.save_figure(figure, "curves.png")
        files.write("result.json", result)
        return result


def resolve(
    network: str, dataset: Dataset, recipe: Recipe, seed: int = 0
) -> tuple[dict[str, Any], snt.Module]:
    """Everything that the result of a run depends on, and the network that it describes.

    Raises:
      ValueError: an unknown name, a value that the network refuses, a network that cannot take
        images of this shape, or a step or network that moves images which are no pictures.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise ValueError(f"seed must be an integer in [0, 2^31), got {_checks.received(seed)}")
    _checks.choice("network", network, wn.list_networks())
    resolved = settings(network, dataset, recipe)
    check_step(recipe, dataset)
    if "group" in resolved["network_args"]:  # of transformations of its images
        dataset.check_pictures("network", network)
    given = {*recipe.network_args, "image_shape"}
    network_args = {k: v for k, v in resolved["network_args"].items() if k in given}
    module = wn.create_network(network, dataset.num_classes, **network_args)
    config = {
        "network": network,
        "recipe": _name_of(network, dataset, resolved),
        "dataset": dataset.name,
        "num_classes": int(dataset.num_classes),
        "image_shape": list(dataset.image_shape),
        "data_sha256": dataset.sha256,
        "seed": seed,
        **resolved,
    }
    return json.loads(json.dumps(config)), module


def settings(network: str, dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
    """The fields of a recipe as config.json will hold them, with the defaults of its arguments."""
    network_args = _as_json("network_args", recipe.network_args)
    parameters = inspect.signature(wn.nets.NETWORKS[network].__init__).parameters
    if "image_shape" in parameters:
        network_args.setdefault("image_shape", dataset.image_shape[:2])
    defaults = {
        name: parameter.default
        for name, parameter in list(parameters.items())[1:]
        if name not in ("num_classes", "name")
    }
    told = dataclasses.asdict(recipe)
    told["network_args"] = {**defaults, **network_args}
    step_args = _as_json("step_args", recipe.step_args)
    told["step_args"] = {**steps.default_arguments(recipe.step), **step_args}
    return json.loads(json.dumps(told))


def _name_of(network: str, dataset: Dataset, resolved: Mapping[str, Any]) -> str | None:
    """The name of the recipe whose settings these are, however they were given; or None."""
    for name in recipe_names(network, dataset.name):
        try:
            recipe = recipe_for(network, dataset.name, len(dataset.train), name)
        except ValueError:  # its teacher has no weights here: not the recipe of what is trained
            continue
        if settings(network, dataset, recipe) == resolved:
            return name
    return None


def check_step(recipe: Recipe, dataset: Dataset) -> None:
    """Whether these data can be learnt by the recipe's step.

    Raises:
      ValueError: a step that moves images which are no pictures, or a teacher of other data of the
        same form, who would teach nothing, in silence.
    """
    step = recipe.create_step()
    if isinstance(step, Transformations) and step.moves:
        dataset.check_pictures("step", recipe.step)
    if not isinstance(step, steps.Distill) or step.dataset == dataset.name:
        return
    own = {"mnist_5k": "mnist"}.get(dataset.name, dataset.name)  # the same digits
    if own != step.dataset and own in pretrained.keys(step.teacher):
        raise ValueError(
            f"dataset of step_args must be {own}, the data to be learnt, on which there is a "
            f"{step.teacher}, got {step.dataset}"
        )


def _as_json(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as config.json will hold them."""
    try:
        return json.loads(json.dumps(arguments))
    except TypeError as error:
        raise ValueError(f"{name} must be JSON: {error}, got {arguments}") from None


def load_run(workdir: str | Path, dataset: Dataset | None = None) -> Run:
    """The trained network of a run, its history and its configuration.

    Args:
      workdir: the folder of a run.
      dataset: that of the run, if its splits are to be scored.

    Raises:
      ValueError: no run there, no checkpoint, or a damaged one; another data set.
    """
    if dataset is not None and not isinstance(dataset, Dataset):
        raise ValueError(f"dataset must be a Dataset, got {type(dataset).__name__}")
    files = Workdir(workdir)
    config = files.read_config()
    if dataset is not None and dataset.sha256 != config["data_sha256"]:
        raise ValueError(
            f"dataset must be the one of the run in {files.path}, {config['dataset']}, "
            f"got {dataset.name}, whose contents differ"
        )
    if "result.json" in files.sums() and (damage := files.damage(config["epochs"])):
        raise ValueError(
            f"workdir {files.path} has lost the checkpoint of its result, of epoch "
            f"{config['epochs']} ({damage}): train again in another --workdir"
        )
    module = wn.create_network(config["network"], config["num_classes"], **config["network_args"])
    module(tf.zeros([1, *config["image_shape"]]))
    epoch = files.restore(tf.train.Checkpoint(network=module), everything=False)
    if not epoch:
        raise ValueError(f"workdir {files.path} has no checkpoint: train there first")
    history = pd.DataFrame(files.read_metrics(epoch), columns=list(METRICS))
    return Run(module, history, config, dataset)


def initial_network(config: Mapping[str, Any]) -> snt.Module:
    """The network of a run with the weights that its training began with."""
    module = wn.create_network(config["network"], config["num_classes"], **config["network_args"])
    tf.random.set_seed(config["seed"])
    module(scale(tf.zeros([1, *config["image_shape"]], tf.uint8)), is_training=False)
    if config["invariant_start"]:
        average_over_rotations(module, tuple(config["image_shape"]))
    return module
