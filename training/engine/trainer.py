"""Networks of one kind, trained one after another by one compiled loop."""

import abc
import itertools
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.data import Dataset
from training.engine.loop import Loop, scale
from training.engine.recipes import Recipe
from training.engine.scoring import Scorer
from training.engine.workdir import num_parameters


class Fresh:
    """Gives a network the variables of a new one, and an optimizer's what they began with.

    To compile each run anew costs seconds and some 65 MB that are never freed: many times what a
    small network needs to be trained.
    """

    def __init__(self, network: snt.Module, state: Iterable[tf.Variable]):
        """state: the variables of the optimizer; both have been made."""
        self._network = network
        self._start = [(variable, variable.numpy()) for variable in state]

    def __call__(self, network: snt.Module) -> None:
        """Takes the variables of `network`, which is of the same kind and has been called."""
        for variable, value in zip(self._network.variables, network.variables, strict=True):
            variable.assign(value)
        self.restart()

    def restart(self) -> None:
        """The optimizer as it began, the network as it is."""
        for variable, value in self._start:
            variable.assign(value)


class Minimizer(abc.ABC):
    """Trains a network of one kind by a compiled loop, again and again from new weights.

        minimizer.begin(seed)
        minimizer.run(0, 1000, rows, targets)

    What a step does is said by subclasses, in `_step`.
    """

    def __init__(self, make: Callable[[], snt.Module]):
        """make: returns a new network, with its variables."""
        self._make, self.network = make, make()
        self._compiled = tf.function(self._many_steps, jit_compile=True, autograph=False)

    def _keep(self, state: Iterable[tf.Variable]) -> None:
        """state: the variables that start anew with each run, as they are now."""
        self._fresh = Fresh(self.network, state)

    def begin(self, seed: int) -> None:
        """Starts anew with the weights of this seed."""
        tf.random.set_seed(seed)
        self._fresh(self._make())

    def restart(self) -> None:
        """The optimizer starts anew, the network goes on."""
        self._fresh.restart()

    def run(self, first: int, last: int, *data: Any, frozen: Collection[tf.Variable] = ()) -> None:
        """Steps first .. last - 1; other values of `data` of the same shapes compile nothing.

        frozen: variables of the network that stay as they are.
        """
        variables = self.network.trainable_variables
        free = self._mask([all(v is not f for f in frozen) for v in variables])
        data = [tf.convert_to_tensor(value) for value in data]
        self._compiled(free, tf.constant(first), tf.constant(last), *data)

    _mask = staticmethod(tuple)  # which variables are free, as `_step` wants it; a tuple is static

    def _many_steps(self, free: Any, first: tf.Tensor, last: tf.Tensor, *data: tf.Tensor) -> None:
        def one_step(i):
            self._step(free, i, *data)
            return i + 1

        tf.while_loop(lambda i: i < last, one_step, [first])

    @abc.abstractmethod
    def _step(self, free: Any, i: tf.Tensor, *data: tf.Tensor) -> None:
        """Changes those trainable variables of the network that are free."""


class Trainer(Minimizer):
    """Minimises a loss of your own by an optimizer.

        trainer = Trainer(make, loss, optimizer)

    At each step i, the optimizer applies the gradient of loss(network, i, *data) at the learning
    rate rate(i), if there is one, and at its own otherwise.
    """

    def __init__(
        self,
        make: Callable[[], snt.Module],
        loss: Callable[..., tf.Tensor],
        optimizer: snt.Optimizer,
        rate: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ):
        """make: returns a new network, with its variables."""
        super().__init__(make)
        self._loss, self._rate, self.optimizer = loss, rate, optimizer
        if hasattr(optimizer, "_initialize"):  # slots exist before the loop is traced
            optimizer._initialize(self.network.trainable_variables)
        self._keep(optimizer.variables)

    def _step(self, free: tuple[bool, ...], i: tf.Tensor, *data: tf.Tensor) -> None:
        variables = self.network.trainable_variables
        with tf.GradientTape() as tape:
            loss = self._loss(self.network, i, *data)
        if self._rate:
            self.optimizer.learning_rate.assign(self._rate(i))
        found = iter(tape.gradient(loss, list(itertools.compress(variables, free))))
        self.optimizer.apply([next(found) if moves else None for moves in free], variables)


class Repeated:
    """Runs as `fit` makes them, from the same draws, of many seeds and rates, compiled once.

    Seed and peak of the learning rate are no constants of the compiled loop, so that the rate may
    differ in its last bit. For a recipe whose step draws nothing (`plain`).
    """

    def __init__(self, network: str, dataset: Dataset, recipe: Recipe):
        """Raises ValueError for another step, or what network or loop refuse."""
        if recipe.step != "plain" or recipe.invariant_start:
            raise ValueError(f"recipe must have the step 'plain' and no other start, got {recipe}")
        self._new = lambda: wn.create_network(network, dataset.num_classes, **recipe.network_args)
        self._dataset, self._epochs = dataset, recipe.epochs
        self._peak = tf.Variable(recipe.learning_rate, trainable=False)
        self.network = self._new()
        self._loop = Loop(self.network, dataset.train, recipe, peak=self._peak)
        self._fresh = Fresh(self.network, self._loop.optimizer.variables)
        self._scorer = Scorer(self.network)

    def run(
        self,
        seed: int,
        learning_rate: float,
        splits: Sequence[str] = ("validation", "test"),
    ) -> dict[str, Any]:
        """A row: SPLIT_accuracy of these splits, parameters and seconds.

        Raises:
          FloatingPointError: a loss or weights that become NaN or infinite.
        """
        tf.random.set_seed(seed)
        network = self._new()
        network(scale(tf.constant(self._dataset.train.images[:1])), is_training=False)
        self._fresh(network)
        self._peak.assign(learning_rate)
        self._loop.restart(seed)
        start = time.perf_counter()
        for _ in range(self._epochs):
            self._loop.run_epoch()
        seconds = time.perf_counter() - start
        row: dict[str, Any] = {
            f"{split}_accuracy": self._scorer.accuracy(getattr(self._dataset, split))
            for split in splits
        }
        return {**row, "parameters": num_parameters(self.network), "seconds": seconds}
