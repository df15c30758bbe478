"""A schedule as data: its phases, their settings, JSON and back."""

import dataclasses
import json
import math
from typing import Any, ClassVar

from training.engine.optimizers import SCHEDULES
from weirdonetworks import _checks

LOSSES = ("squared", "relative", "log", "cross_entropy")
STARTS = ("log_linear", "max_affine", "log_sum_exp")


def _optional_loss(value: Any) -> None:
    if value is not None:
        _checks.choice("loss", value, LOSSES)


def _patterns(name: str, value: Any) -> tuple[str, ...]:
    ok = isinstance(value, (tuple, list)) and all(isinstance(v, str) and v for v in value)
    if not ok:
        raise ValueError(f"{name} must be a tuple of patterns of variables' names, got {value!r}")
    return tuple(value)


@dataclasses.dataclass(frozen=True)
class Adam:
    """Steps of Adam (Kingma and Ba 2015), compiled; the whole training split in each, or batches.

    `decay` is a name of `optimizers.SCHEDULES`. In all phases that optimise, `frozen` holds
    patterns (fnmatch) of names such as "posynomial_dense/a" of variables that stay as they are, and
    `loss` is the schedule's unless given.
    """

    kind: ClassVar[str] = "adam"
    steps: int = 1000
    learning_rate: float = 1e-2
    batch_size: int | None = None
    decay: str = "cosine"
    frozen: tuple[str, ...] = ()
    loss: str | None = None

    def __post_init__(self):
        _checks.integer("steps", self.steps)
        _checks.positive("learning_rate", self.learning_rate)
        if self.batch_size is not None:
            _checks.integer("batch_size", self.batch_size)
        _checks.choice("decay", self.decay, SCHEDULES)
        object.__setattr__(self, "frozen", _patterns("frozen", self.frozen))
        _optional_loss(self.loss)


@dataclasses.dataclass(frozen=True)
class LeastSquares:
    """SciPy's least_squares on the vector of residuals, for small problems.

    Method "lm" is MINPACK's Levenberg-Marquardt and needs as many residuals as parameters; "trf", a
    Gauss-Newton method in a trust region, does not.
    """

    kind: ClassVar[str] = "least_squares"
    max_evaluations: int = 200
    tolerance: float = 1e-12
    method: str = "lm"
    frozen: tuple[str, ...] = ()
    loss: str | None = None

    def __post_init__(self):
        _checks.integer("max_evaluations", self.max_evaluations)
        # MINPACK refuses a tolerance below the machine's precision.
        _checks.number("tolerance", self.tolerance, 1e-15, 1, open_high=True)
        _checks.choice("method", self.method, ("lm", "trf"))
        object.__setattr__(self, "frozen", _patterns("frozen", self.frozen))
        _optional_loss(self.loss)


@dataclasses.dataclass(frozen=True)
class LBFGS:
    """SciPy's L-BFGS-B without bounds; `tolerance` is that of the loss, relative."""

    kind: ClassVar[str] = "lbfgs"
    max_iterations: int = 1000
    tolerance: float = 1e-15
    frozen: tuple[str, ...] = ()
    loss: str | None = None

    def __post_init__(self):
        _checks.integer("max_iterations", self.max_iterations)
        _checks.number("tolerance", self.tolerance, 0, 1, open_high=True)
        object.__setattr__(self, "frozen", _patterns("frozen", self.frozen))
        _optional_loss(self.loss)


@dataclasses.dataclass(frozen=True)
class Start:
    """Sets the terms of a layer with one output from the data, as `starts` fits them.

    log_linear: every term the monomial of log-linear least squares, its exponents moved by
    N(0, spread^2) where there are several terms. max_affine, log_sum_exp: as their names say, from
    a partition drawn anew in each restart; the terms of max_affine are then divided by what their
    sum is too large in the mean. Without a Start, the layer's own random one is it.
    """

    kind: ClassVar[str] = "start"
    method: str = "log_linear"
    spread: float = 0.5

    def __post_init__(self):
        _checks.choice("method", self.method, STARTS)
        _checks.number("spread", self.spread, 0, math.inf, open_high=True)


@dataclasses.dataclass(frozen=True)
class AddTerm:
    """Gives the layer at the attribute path `layer` ("" is the network) one term more.

    See `terms.add_term` for `how`, `share` and `spread`.
    """

    kind: ClassVar[str] = "add_term"
    layer: str = ""
    how: str = "duplicate"
    share: float = 1e-3
    spread: float = 0.0

    def __post_init__(self):
        _path(self.layer)
        _checks.choice("how", self.how, ("duplicate", "tiny"))
        _share(self.share)
        _checks.number("spread", self.spread, 0, math.inf, open_high=True)


@dataclasses.dataclass(frozen=True)
class PruneTerms:
    """Joins equal terms of the layer at `layer`, and takes those away that nowhere reach `share`.

    See `terms.prune_terms`.
    """

    kind: ClassVar[str] = "prune_terms"
    layer: str = ""
    share: float = 1e-6

    def __post_init__(self):
        _path(self.layer)
        _share(self.share)


@dataclasses.dataclass(frozen=True)
class Anneal:
    """Pulls the variables that match `exponents` to fractions, and holds them there from then on.

    The fractions are the multiples of 1/d, d in `denominators`. Between, the other parameters are
    fitted again by least squares. "penalty": the residuals sqrt(w) (a - nearest fraction) are
    added, w growing over `weights`, and all are rounded at the end. "one_by_one": the exponent that
    is nearest to a fraction, distance plus standard error, is rounded first, the next after a new
    fit. What is rounded is kept if the validation error is then at most `tolerance` times that
    before, or below 1e-9; with None, at any price. "penalty" keeps all or nothing (without it,
    everything is as before the phase), "one_by_one" decides for each exponent.
    """

    kind: ClassVar[str] = "anneal"
    exponents: tuple[str, ...] = ("*/a",)
    denominators: tuple[int, ...] = (1, 2, 3)
    method: str = "one_by_one"
    weights: tuple[float, ...] = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
    tolerance: float | None = None
    max_evaluations: int = 50
    frozen: tuple[str, ...] = ()
    loss: str | None = None

    def __post_init__(self):
        object.__setattr__(self, "exponents", _patterns("exponents", self.exponents))
        if not self.exponents:
            raise ValueError("exponents must hold at least one pattern, got ()")
        denominators = _checks.sizes("denominators", self.denominators, allow_empty=False)
        object.__setattr__(self, "denominators", denominators)
        _checks.choice("method", self.method, ("penalty", "one_by_one"))
        weights = tuple(_checks.positive("weights", weight) for weight in self.weights)
        if not weights or list(weights) != sorted(weights):
            raise ValueError(f"weights must grow, and be at least one, got {self.weights!r}")
        object.__setattr__(self, "weights", weights)
        if self.tolerance is not None:
            _checks.number("tolerance", self.tolerance, 1, math.inf, open_high=True)
        _checks.integer("max_evaluations", self.max_evaluations)
        object.__setattr__(self, "frozen", _patterns("frozen", self.frozen))
        _optional_loss(self.loss)


def _path(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(f'layer must be an attribute path such as "layers.0", got {value!r}')


def _share(value: Any) -> None:
    if _checks.positive("share", value) >= 1:
        raise ValueError(f"share must be a number in (0, 1), got {value!r}")


Phase = Adam | LeastSquares | LBFGS | Start | AddTerm | PruneTerms | Anneal
PHASES: dict[str, type[Phase]] = {
    phase.kind: phase for phase in (Adam, LeastSquares, LBFGS, Start, AddTerm, PruneTerms, Anneal)
}


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Phases in their order, gone through `restarts` times, each from new random values.

    The restart with the least error on the validation split is kept, in the schedule's `loss`; once
    one is at most `target`, there are no more. Losses are means over the training split of r^2,

        squared    r = (f - y) / rms(y), y of the training split
        relative   r = (f - y) / |y|
        log        r = log f - log y

    or the cross-entropy of logits f and labels y. Errors are their roots, root mean squares of r;
    that of the cross-entropy is itself.
    """

    phases: tuple[Phase, ...]
    loss: str = "squared"
    restarts: int = 1
    target: float = 0.0

    def __post_init__(self):
        ok = isinstance(self.phases, (tuple, list)) and self.phases
        if not ok or not all(isinstance(phase, Phase) for phase in self.phases):
            raise ValueError(
                f"phases must be a tuple of at least one of {list(PHASES)}, got {self.phases!r}"
            )
        object.__setattr__(self, "phases", tuple(self.phases))
        _checks.choice("loss", self.loss, LOSSES)
        _checks.integer("restarts", self.restarts)
        _checks.number("target", self.target, 0, math.inf, open_high=True)

    def to_json(self) -> str:
        """The schedule as JSON, each phase with its kind."""
        phases = [{"kind": phase.kind, **dataclasses.asdict(phase)} for phase in self.phases]
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return json.dumps({**fields, "phases": phases}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Schedule":
        """The schedule that `to_json` wrote.

        Raises:
          ValueError: no JSON, or a phase or a setting that is unknown or refused.
        """
        try:
            fields = json.loads(text)
        except (TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"schedule must be JSON ({error}), got {text!r}") from error
        if not isinstance(fields, dict) or not isinstance(fields.get("phases"), list):
            raise ValueError(f"schedule must be an object with a list of phases, got {fields!r}")
        return _from_fields(
            "schedule", cls, {**fields, "phases": tuple(map(_phase, fields["phases"]))}
        )


def _phase(fields: Any) -> Phase:
    kind = fields.get("kind") if isinstance(fields, dict) else None
    if kind not in PHASES:
        raise ValueError(f"kind of a phase must be one of {list(PHASES)}, got {fields!r}")
    settings = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in fields.items()
        if key != "kind"
    }
    return _from_fields(kind, PHASES[kind], settings)


def _from_fields(label: str, cls: type, settings: dict[str, Any]) -> Any:
    known = [field.name for field in dataclasses.fields(cls)]
    for key in settings:
        if key not in known:
            raise ValueError(f"settings of {label} must be among {known}, got {key!r}")
    return cls(**settings)
