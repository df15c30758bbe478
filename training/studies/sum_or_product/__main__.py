"""Does a layer learn from data which of + and x a target needs?

python -m training.learn_operations --operation_seeds=10

Networks of `AdditiveMultiplicativeDense` learn x1 + x2, x1 x2 and x1 + x2 x3 on [0.1, 3], each from
256 rows, and are tested on [0.1, 3] and on [3, 6]; beside them the same networks with a fixed at 0
or at 1, and plain MLPs.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sonnet as snt
import tensorflow as tf
from absl import flags
from tqdm import tqdm

from training.cli import app
from training.cli import checks
from training.engine import workdir as results
from training.cli import flags as shared
from training.engine.optimizers import Adam, scheduled
from weirdonetworks import _checks
from weirdonetworks.layers import AdditiveMultiplicativeDense

INSIDE, OUTSIDE = (0.1, 3.0), (3.0, 6.0)
ROWS = 256  # to learn from, all of them at each step
_TESTED = 2000
_TRAINING, _VALIDATION, _INSIDE, _OUTSIDE = range(1, 5)  # streams of rows of a seed
_RECORDS = 60  # of the orders, over a run
SUCCESS = 0.01  # of the standard deviation of the target


class Target(NamedTuple):
    """A function of rows, and the smallest network of additive-multiplicative layers for it."""

    variables: int
    function: Callable[[np.ndarray], np.ndarray]
    sizes: tuple[int, ...]


TARGETS = {
    "x1+x2": Target(2, lambda x: x[:, 0] + x[:, 1], (1,)),
    "x1*x2": Target(2, lambda x: x[:, 0] * x[:, 1], (1,)),
    "x1+x2*x3": Target(3, lambda x: x[:, 0] + x[:, 1] * x[:, 2], (2, 1)),
}


class Model(NamedTuple):
    """How to make a network for a target, and its learning rate."""

    make: Callable[[Target], snt.Module]
    learning_rate: float


class Operations(snt.Module):
    """Layers of these sizes: [batch, in] -> [batch, sizes[-1]]."""

    def __init__(self, sizes: Sequence[int], name: str | None = None, **kwargs):
        super().__init__(name=name)
        self.layers = [AdditiveMultiplicativeDense(size, **kwargs) for size in sizes]

    @property
    def alphas(self) -> np.ndarray:
        """The orders of all outputs, layer by layer."""
        full = [np.broadcast_to(layer.alpha, [layer.output_size]) for layer in self.layers]
        return np.concatenate(full)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs


class StandardizedMLP(snt.Module):
    """A ReLU MLP of standardised inputs, [batch, in] -> [batch, 1]."""

    alphas = np.zeros(0)

    def __init__(self, hidden_size: int, name: str | None = None):
        super().__init__(name=name)
        self.mlp = snt.nets.MLP([hidden_size, 1])

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        low, high = INSIDE
        return self.mlp((inputs - (low + high) / 2) * (12**0.5 / (high - low)))


# Learning rates, and Adam's decay rates below, by the validation rows of seeds 0 .. 4.
MODELS = {
    "learned": Model(lambda target: Operations(target.sizes), 0.03),
    "sums only": Model(
        lambda target: Operations(target.sizes, alpha=0, trainable_alpha=False), 0.03
    ),
    "products only": Model(
        lambda target: Operations(target.sizes, alpha=1, trainable_alpha=False), 0.03
    ),
    "MLP of 4": Model(lambda target: StandardizedMLP(4), 0.01),
    "MLP of 32": Model(lambda target: StandardizedMLP(32), 0.1),
    "learned, start=forms": Model(lambda target: Operations(target.sizes, start="forms"), 0.03),
}
# Along the valley in which a and the weights make up for each other, gradients are small: what
# Adam remembers of the first, large ones would hold it back. With 0.999, 1 seed in 6 arrived.
_BETAS = (0.9, 0.98)
COLUMNS = (
    "target",
    "model",
    "seed",
    "parameters",
    "validation_error",
    "inside_error",
    "outside_error",
    "success",
    "alphas",
)


class Runs(NamedTuple):
    """What runs of one model on one target gave; the first axis is that of the seeds.

    Attributes:
      steps: [records], at which the orders were recorded, from 0 on.
      alphas: [seeds, records, orders], those of the first layer from the largest at the end down.
      validation, inside, outside: [seeds], root mean squared errors on fresh rows, of [0.1, 3]
        and [3, 6], as parts of the standard deviation of the target there.
      parameters: how many trainable numbers the network has.
    """

    steps: np.ndarray
    alphas: np.ndarray
    validation: np.ndarray
    inside: np.ndarray
    outside: np.ndarray
    parameters: int

    @property
    def success(self) -> np.ndarray:
        """[seeds]: outside the range of the training rows, the error is below 1 %."""
        return self.outside < SUCCESS


def draw_rows(seed: int, stream: int, rows: int, variables: int) -> np.ndarray:
    """Uniform rows, of [3, 6] for the stream that is tested outside, of [0.1, 3] for the others."""
    interval = OUTSIDE if stream == _OUTSIDE else INSIDE
    generator = np.random.default_rng([seed, stream])
    return generator.uniform(*interval, [rows, variables]).astype(np.float32)


def learn(
    target: str,
    model: str,
    seeds: Sequence[int],
    *,
    steps: int = 3000,
    learning_rate: float | None = None,
    report: Callable[[int], None] | None = None,
) -> Runs:
    """Trains a model on a target, from one start and on other rows for each seed.

    Minimises the mean squared error over all 256 rows at each step, by Adam, with a learning rate
    that falls along a cosine; `report(steps)` is called after each compiled call.

    Raises:
      ValueError: an unknown target or model, no seeds, one of them twice or negative, or steps that
        are not an integer >= 1.
    """
    _checks.choice("target", target, TARGETS)
    _checks.choice("model", model, MODELS)
    checks.seeds(seeds)
    _checks.integer("steps", steps)
    task, (make, rate) = TARGETS[target], MODELS[model]
    trainer = _Trainer(task, make, rate if learning_rate is None else learning_rate, steps)
    records = np.unique(np.linspace(0, steps, _RECORDS + 1).round().astype(int))
    alphas, errors = [], []
    for seed in seeds:
        trainer.begin(seed)
        history = [trainer.network.alphas]
        for first, last in zip(records, records[1:], strict=False):
            trainer.run(int(first), int(last))
            history.append(trainer.network.alphas)
            if report:
                report(int(last - first))
        alphas.append(_sorted(np.array(history), task.sizes[0]))
        streams = (_VALIDATION, _INSIDE, _OUTSIDE)
        errors.append([trainer.error(draw_rows(seed, s, _TESTED, task.variables)) for s in streams])
    parameters = results.num_parameters(trainer.network)
    return Runs(records, np.array(alphas), *np.array(errors).T, parameters)


def _sorted(history: np.ndarray, first_size: int) -> np.ndarray:
    """The orders, [records, orders], of which units of the first layer can be exchanged."""
    first, rest = history[:, :first_size], history[:, first_size:]
    order = np.argsort(-first[-1]) if first.size else []
    return np.concatenate([first[:, order], rest], axis=1) if first.size else history


class _Trainer:
    """Fits one network after the other by the same compiled loop."""

    def __init__(self, task: Target, make: Callable, learning_rate: float, steps: int):
        self._task, self._make, self._peak, self._total = task, make, learning_rate, steps
        self.network = self._new()
        self._variables = self.network.trainable_variables
        self._rows = tf.Variable(tf.zeros([ROWS, task.variables]), trainable=False)
        self._targets = tf.Variable(tf.zeros([ROWS]), trainable=False)
        self._optimizer = Adam(tf.Variable(learning_rate, trainable=False), *_BETAS)
        self._optimizer._initialize(self._variables)
        self._compiled = tf.function(self._many_steps, jit_compile=True, autograph=False)

    def _new(self) -> snt.Module:
        network = self._make(self._task)
        network(tf.ones([1, self._task.variables]))
        return network

    def begin(self, seed: int) -> None:
        """Gives the network the weights of a new one, and other rows to learn from."""
        tf.random.set_seed(seed)
        for variable, fresh in zip(self._variables, self._new().trainable_variables, strict=True):
            variable.assign(fresh)
        for state in (*self._optimizer.m, *self._optimizer.v, self._optimizer.step):
            state.assign(tf.zeros_like(state))
        rows = draw_rows(seed, _TRAINING, ROWS, self._task.variables)
        self._rows.assign(rows)
        self._targets.assign(self._task.function(rows))

    def run(self, first: int, last: int) -> None:
        """Steps first .. last - 1."""
        self._compiled(tf.constant(first), tf.constant(last))

    def _many_steps(self, first: tf.Tensor, last: tf.Tensor) -> None:
        def one_step(i):
            with tf.GradientTape() as tape:
                outputs = self.network(self._rows.read_value())[:, 0]
                loss = tf.reduce_mean(tf.square(outputs - self._targets.read_value()))
            rate = scheduled("cosine", self._peak, i, self._total, 0)
            self._optimizer.learning_rate.assign(rate)
            self._optimizer.apply(tape.gradient(loss, self._variables), self._variables)
            return i + 1

        tf.while_loop(lambda i: i < last, one_step, [first])

    def error(self, rows: np.ndarray) -> float:
        """The root mean squared error, as a part of the standard deviation of the target."""
        targets = self._task.function(rows)
        difference = self.network(tf.constant(rows))[:, 0].numpy().astype(np.float64) - targets
        return float(np.sqrt(np.mean(np.square(difference))) / np.std(targets))


def compare(
    targets: Sequence[str],
    models: Sequence[str],
    seeds: Sequence[int],
    workdir: str | Path,
    *,
    steps: int = 3000,
) -> dict[tuple[str, str], Runs]:
    """Every model on every target with every seed; writes runs.csv and alphas.png to the workdir.

    Raises:
      ValueError: no targets, models or seeds, or one of them twice; what `learn` refuses; or a
        workdir of other settings.
    """
    for name, values, known in (("targets", targets, TARGETS), ("models", models, MODELS)):
        checks.each_once(name, values, known)
    checks.seeds(seeds)
    _checks.integer("steps", steps)
    run = results.Workdir(workdir)
    settings = {"targets": targets, "models": models, "seeds": seeds, "steps": steps}
    run.claim(
        {key: value if key == "steps" else list(value) for key, value in settings.items()}, True
    )
    outcome, rows = {}, []
    with tqdm(
        total=len(targets) * len(models) * len(seeds) * steps, unit=" steps", disable=None
    ) as bar:
        for target in targets:
            for model in models:
                bar.set_description(f"{target}, {model}")
                runs = outcome[target, model] = learn(
                    target, model, seeds, steps=steps, report=bar.update
                )
                for i, seed in enumerate(seeds):
                    rows.append(
                        {
                            "target": target,
                            "model": model,
                            "seed": seed,
                            "parameters": runs.parameters,
                            "validation_error": runs.validation[i],
                            "inside_error": runs.inside[i],
                            "outside_error": runs.outside[i],
                            "success": int(runs.success[i]),
                            "alphas": " ".join(f"{a:.4f}" for a in runs.alphas[i, -1]),
                        }
                    )
                run.write_text("runs.csv", results.to_csv(rows, COLUMNS))
    _draw(run, outcome)
    return outcome


def to_text(outcome: dict[tuple[str, str], Runs]) -> str:
    """Mean ± sample standard deviation over the seeds, and every learned order."""
    head = ("target", "model", "parameters", "% inside", "% outside", "success", "a at the end")
    form = "{:9} {:21}{:>10}{:>22}{:>22}{:>9}  {}"
    lines = [form.format(*head)]
    for (target, model), runs in outcome.items():
        inside, outside = (
            f"{100 * errors.mean():.3g} ± {100 * errors.std(ddof=1) if len(errors) > 1 else 0:.2g}"
            for errors in (runs.inside, runs.outside)
        )
        share = f"{runs.success.sum()}/{len(runs.success)}"
        orders = ", ".join(
            results.mean_and_spread([float(a) for a in column], 3)
            for column in runs.alphas[:, -1].T
            if model.startswith("learned")
        )
        lines.append(form.format(target, model, runs.parameters, inside, outside, share, orders))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _draw(run: results.Workdir, outcome: dict[tuple[str, str], Runs]) -> None:
    """The orders over the steps, a panel for each target, a colour for each unit."""
    targets = list(dict.fromkeys(target for target, _ in outcome))
    figure, axes = results.new_figure(
        1, len(targets), figsize=(4 * len(targets), 3.4), squeeze=False
    )
    for axis, target in zip(axes[0], targets, strict=True):
        axis.set(xlabel="step", title=target, ylim=(-0.03, 1.03))
        runs = outcome.get((target, "learned"))
        if runs is None:
            continue
        first = TARGETS[target].sizes[0]
        for unit in range(runs.alphas.shape[2]):
            layer = "first layer" if unit < first else "second layer"
            for i, history in enumerate(runs.alphas[:, :, unit]):
                label = None if i else f"{layer}, unit {unit + 1 if unit < first else 1}"
                axis.plot(
                    runs.steps, history, color=f"C{unit}", linewidth=1, alpha=0.6, label=label
                )
        axis.legend()
    axes[0, 0].set(ylabel="a: 0 adds, 1 multiplies")
    run.save_figure(figure, "alphas.png")


_DEFAULT_MODELS = [name for name in MODELS if name != "learned, start=forms"]
_TARGETS = flags.DEFINE_list(
    "operation_targets", list(TARGETS), f"Which of {', '.join(TARGETS)}, separated by commas."
)
_STARTS = flags.DEFINE_bool(
    "compare_starts", False, "Also train from weights of both signs (start='forms')."
)
_SEEDS = flags.DEFINE_integer("operation_seeds", 10, "How many seeds.", 1)
_FIRST = flags.DEFINE_integer(
    "first_operation_seed", 100, "The first of the seeds; 0 .. 9 chose the settings.", 0
)
_STEPS = flags.DEFINE_integer("operation_steps", 3000, "Steps of Adam.", 1)
flags.declare_key_flag("workdir")


def main() -> None:
    workdir = Path(shared.WORKDIR.value or Path("runs") / "learn-operations")
    outcome = compare(
        _TARGETS.value,
        list(MODELS) if _STARTS.value else _DEFAULT_MODELS,
        list(range(_FIRST.value, _FIRST.value + _SEEDS.value)),
        workdir,
        steps=_STEPS.value,
    )
    print(to_text(outcome), end="")
    print(
        f"%: root mean squared error of the standard deviation of the target, inside {INSIDE} and "
        f"outside {OUTSIDE};\nsuccess: below {SUCCESS:.0%} outside. "
        "a: 0 adds, 1 multiplies; first layer from the largest down. The order\n"
        "of a unit that only passes x1 on is free: it does nothing to the outputs."
    )
    print(f"written to {workdir}/: config.json, runs.csv, alphas.png")


if __name__ == "__main__":
    app.run(main)
