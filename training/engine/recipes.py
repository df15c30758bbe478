"""How each network is trained: chosen on MNIST's validation split."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from training.engine import steps
from training.engine.optimizers import OPTIMIZERS, SCHEDULES
from training.engine.pruning import trainings
from training.found.records import records
from training.found.rows import rows_for
from weirdonetworks import _checks
from weirdonetworks.pretrained import DEFAULT


def check_network_args(arguments: Mapping[str, Any]) -> None:
    """Raises ValueError for arguments that a network has from its data set, or from Sonnet."""
    for reserved in ("num_classes", "name"):
        if reserved in arguments:
            raise ValueError(
                f"network_args must not hold {reserved}, got {_checks.received(dict(arguments))}"
            )


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The settings of a training run, except network, data and seed.

    Attributes:
      network_args: arguments of the network's constructor that differ from its defaults.
      epochs: passes over the training split.
      warmup_epochs: the learning rate rises linearly this long, then follows the schedule.
      weight_decay: matrices lose learning rate times this share of themselves at each step.
      label_smoothing: the share of the target that is spread evenly over the classes.
      step: what one update does, a name of `steps.STEPS`.
      step_args: arguments of the step that differ from its defaults.
      invariant_start: whether the first layer starts as its mean over the rotations.
      averaging: the network is used with an exponential average of its weights over the steps, of
        which each keeps this share, in [0, 1); 0 for none (`weights.UsedWeights`).
      bits: of each number of a matrix as it is used, in 2 .. 8, or None for all; trained so.
      density: the share of the numbers of matrices that are not 0 at the end, in (0, 1]. Below 1,
        the epochs are divided between several trainings (`pruning.Pruning`).
    """

    network_args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    epochs: int = 20
    batch_size: int = 100
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    step: str = "plain"
    step_args: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    invariant_start: bool = False
    averaging: float = 0.0
    bits: int | None = None
    density: float = 1.0

    def __post_init__(self):
        for name, minimum in (("epochs", 1), ("batch_size", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
                raise ValueError(
                    f"{name} must be an integer >= {minimum}, got {_checks.received(value)}"
                )
            if value > 1_000_000:
                raise ValueError(
                    f"{name} must be an integer <= 1000000, got {_checks.received(value)}"
                )
        for name, limit in (
            ("learning_rate", float("inf")),
            ("warmup_epochs", self.epochs),
            ("weight_decay", float("inf")),
            ("label_smoothing", 1),
            ("averaging", 1),
        ):
            value = getattr(self, name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or not 0 <= value < limit or (name == "learning_rate" and not value):
                interval = f"{'(' if name == 'learning_rate' else '['}0, {limit})"
                raise ValueError(
                    f"{name} must be a number in {interval}, got {_checks.received(value)}"
                )
        for name in ("network_args", "step_args"):
            _mapping(name, getattr(self, name))
        check_network_args(self.network_args)
        _checks.choice("optimizer", self.optimizer, OPTIMIZERS)
        _checks.choice("schedule", self.schedule, SCHEDULES)
        self.create_step()
        _checks.flag("invariant_start", self.invariant_start)
        whole = isinstance(self.bits, int) and not isinstance(self.bits, bool)
        if self.bits is not None and not (whole and 2 <= self.bits <= 8):
            raise ValueError(
                f"bits must be an integer in [2, 8], or None, got {_checks.received(self.bits)}"
            )
        is_number = isinstance(self.density, (int, float)) and not isinstance(self.density, bool)
        if not is_number or not 0 < self.density <= 1:
            raise ValueError(
                f"density must be a number in (0, 1], got {_checks.received(self.density)}"
            )
        rounds = trainings(self.density)
        if self.epochs % rounds:
            raise ValueError(
                f"epochs must be a multiple of {rounds}, the trainings of a density of "
                f"{self.density:g}, got {self.epochs}"
            )
        if rounds > 1 and self.epochs == rounds:
            raise ValueError(
                f"epochs must be at least {2 * rounds}, two for each of the {rounds} trainings of "
                f"a density of {self.density:g}, got {self.epochs}"
            )
        if self.warmup_epochs >= self.epochs // rounds:
            raise ValueError(
                f"warmup_epochs must be below the {self.epochs // rounds} epochs of each training, "
                f"got {self.warmup_epochs}"
            )

    def create_step(self) -> steps.Step:
        """What one update does."""
        return steps.create_step(self.step, **self.step_args)


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{name} must be a mapping of names, got {_checks.received(value)}")
    return value


_POLYNOMIAL = Recipe(network_args={"dropout": 0.5, "input_dropout": 0.2}, epochs=50, batch_size=200)
_POSYNOMIAL = Recipe(
    network_args={"dropout": 0.2, "input_dropout": 0.2},
    batch_size=200,
    learning_rate=2e-3,
    weight_decay=0.05,
)
_PRODUCTS = Recipe(
    network_args={"dropout": 0.5, "input_dropout": 0.2},
    epochs=30,
    batch_size=200,
    learning_rate=3e-3,
)

_SMALL = Recipe(optimizer="muon", learning_rate=1e-2)

RECIPES: dict[str, Recipe] = {
    "mlp": Recipe(network_args={"dropout": 0.1}, learning_rate=2e-3),
    "quadratic_mlp": _POLYNOMIAL,
    "polynomial_mlp": _POLYNOMIAL,
    "synchronous_mlp": Recipe(network_args={"dropout": 0.1}, epochs=10, learning_rate=3e-3),
    "posynomial_mlp": _POSYNOMIAL,
    "signomial_mlp": dataclasses.replace(
        _POSYNOMIAL, network_args={"depth": 1, "input_dropout": 0.2}
    ),
    "autoactivation_mlp": Recipe(network_args={"dropout": 0.3}, learning_rate=1e-2),
    "row_attention": Recipe(learning_rate=1e-2),  # size=48, depth=2 diverges: 3e-3 does not
    "dct_mlp": _SMALL,
    "patch_mlp": _SMALL,
    "mixer_mlp": _SMALL,
    "kronecker_mlp": _SMALL,
    "row_recurrent": _SMALL,
    "synchronous_network": dataclasses.replace(
        _SMALL, network_args={"network_args": {"size": 48}}, epochs=6, averaging=0.99
    ),
    "lipschitz_mlp": Recipe(
        network_args={"iterations": 3},  # enough for weights that are retracted at each step
        batch_size=500,
        learning_rate=1e-2,
        step="lipschitz",
        step_args={"radius": 1.58, "temperature": 16.0},
    ),
    "hashed_mlp": Recipe(optimizer="adam", learning_rate=1e-2),
    "dynamic_mlp": Recipe(
        network_args={"dropout": 0.3, "input_dropout": 0.2},
        epochs=30,
        batch_size=200,
        learning_rate=2e-3,
    ),
    "comodulation_mlp": _PRODUCTS,
    "gated_mlp": _PRODUCTS,
}

# Where a data set wants another recipe than the network's, (network, dataset): it wins.
DATASET_RECIPES: dict[tuple[str, str], Recipe] = {
    # Ten thousand digits: mixing over the group, and distortions without end, in place of more.
    ("synchronous_mlp", "mnist_rot"): Recipe(
        network_args={
            "lift_sizes": (112,),
            "mix_sizes": (72, 64, 64, 56),
            "head_sizes": (),
            "pooling": "max",
            "dropout": 0.05,
        },
        epochs=240,
        batch_size=200,
        learning_rate=3e-3,
        warmup_epochs=1.0,
        step="augment",
        step_args={"degrees": 180.0, "shift": 1.0, "scale": 0.1, "shear": 0.1, "elastic": 0.7},
    ),
}


def recipe_names(network: str, dataset: str) -> list[str]:
    """All recipes of a network for a data set, its own, DEFAULT, first.

    The others are its records, and those that searches found; where there are none of this data
    set, those of mnist.
    """
    return list(_fields(network, dataset))


def _fields(network: str, dataset: str) -> dict[str, Recipe | dict[str, Any]]:
    """By the recipes' names, of which those that are not asked for are not made."""
    own = DATASET_RECIPES.get((network, dataset), RECIPES.get(network, Recipe()))
    found = {name: row.recipe for name, row in rows_for(dataset).items() if row.network == network}
    return {DEFAULT: own} | found | records(network, dataset)


def recipe_for(
    network: str, dataset: str, images: int | None = None, name: str = DEFAULT, **overrides: Any
) -> Recipe:
    """The network's recipe of this name for the data set, with the overrides that are not None.

    With `images`, how many there are to train on, a recipe's own batch is no larger than that.
    Arguments of the network and of the step are added to those of the recipe; those of the recipe's
    step are dropped where another step is asked for.

    Raises:
      ValueError: no recipe of this name (the message lists those that there are), or a bad value.
    """
    known = _fields(network, dataset)
    name = _checks.choice(f"the recipe of {network} on {dataset}", name, known)
    recipe = known[name] if name == DEFAULT else Recipe(**known[name])
    overrides = {name: value for name, value in overrides.items() if value is not None}
    if _checks.choice("step", overrides.get("step", recipe.step), steps.STEPS) != recipe.step:
        recipe = dataclasses.replace(recipe, step="plain", step_args={})
    for name in ("network_args", "step_args"):
        overrides[name] = {
            **getattr(recipe, name),
            **_mapping(name, overrides.get(name, {})),
        }
    if images is not None and images < recipe.batch_size:
        overrides.setdefault("batch_size", images)
    return dataclasses.replace(recipe, **overrides)
