"""Problems and methods, as the command line names them: without TensorFlow."""

from typing import NamedTuple

from weirdonetworks import _checks

DATA = ("positive", "signed")
TARGETS = ("dense", "sparse")
ROWS = ("all", "one")
OPTIMIZERS = ("sgd", "momentum", "adam")
SIGNS = ("auto", "positive", "paired")
MAPS = ("identity", "exp", "square", "log", "reciprocal", "exp_exp", "cube", "softplus")
NONZERO = 2  # weights of a sparse target


class Problem(NamedTuple):
    """Least squares without noise, L(A) = (A - A*)' H (A - A*) / 2 with H = E x x'.

    Attributes:
      data: `positive`: inputs that are independent of each other and of one mean and variance, so
        that H = s I + m 1 1', and targets > 0. `signed`: inputs of mean 0, correlated such that the
        eigenvalues of H are geometrically spaced and its axes are none of the inputs'; targets of
        both signs.
      target: `dense`: all weights differ from 0, of a size of about 1 / inputs (uniform in twice
        that) if positive, 1 / sqrt(inputs) (normal) if signed. `sparse`: two weights do.
      inputs: how many.
      condition: the ratio of the largest and the smallest eigenvalue of H; the largest is 1. Not
        chosen, but what they have, for `rows="one"`.
      rows: `all`: each step sees L itself. `one`: each step sees one new row of independent coin
        flips, which are 0 or 1 if positive, -1 or 1 if signed.
      steps: the budget.
      scale: a factor of the target.
    """

    data: str
    target: str
    inputs: int
    condition: float
    rows: str
    steps: int
    scale: float = 1.0

    @property
    def name(self) -> str:
        """Without what is usual."""
        rows = "" if self.rows == "all" else "-online"
        condition = "" if self.rows == "one" else f"-condition{self.condition:g}"
        scale = "" if self.scale == 1 else f"-scale{self.scale:g}"
        return f"{self.data}-{self.target}-{self.inputs}{condition}{rows}{scale}"

    def check(self) -> "Problem":
        """Returns itself. Raises ValueError for what cannot be."""
        _checks.choice("data", self.data, DATA)
        _checks.choice("target", self.target, TARGETS)
        _checks.integer("inputs", self.inputs, NONZERO)
        _checks.number("condition", self.condition, 1, 1e12)
        _checks.choice("rows", self.rows, ROWS)
        _checks.integer("steps", self.steps)
        _checks.positive("scale", self.scale)
        return self


class Method(NamedTuple):
    """How the weights A are written, from where they start, and what their parameters follow.

    Attributes:
      form: A = phi(W) by name of phi, A = base + slope W (`linear`), or both parts of A divided by
        their common sum (`mass`).
      start: `normal` (truncated, 1 / sqrt(inputs), that of `snt.Linear`), `zero`, `layer` (that of
        `AutoactivationDense` with this phi), `log-normal` (a plain A where the layer with exp would
        have it), `linearised` (the layer with exp, replaced by its tangent there), `even` (w+ = w-,
        or w+ alone, 1 / inputs in all).
      dual: the parameters follow dL/dA in place of dL/dW.
    """

    form: str
    start: str
    dual: bool = False


METHODS: dict[str, Method] = {
    "plain": Method("linear", "normal"),
    "plain zero": Method("linear", "zero"),
    "plain log-normal": Method("linear", "log-normal"),
    "plain own rates": Method("linear", "linearised"),
    **{phi: Method(phi, "layer") for phi in MAPS},
    "EGU": Method("exp", "even", dual=True),
    "EG": Method("mass", "even", dual=True),
}

_BUDGETS = {1: 300, 10: 300, 100: 2000, 1000: 10_000}  # steps, by condition
_CONDITIONS = [
    *((64, condition, "dense", "all") for condition in _BUDGETS),
    *((inputs, 10, "dense", "all") for inputs in (8, 512)),
    *((inputs, 10, "sparse", "all") for inputs in (8, 64, 512)),
    *((inputs, 10, "dense", "one") for inputs in (8, 64, 512)),
    *((inputs, 10, "sparse", "one") for inputs in (8, 64, 512)),
]
PROBLEMS = {
    problem.name: problem
    for data in DATA
    for n, condition, target, rows in _CONDITIONS
    for problem in [
        Problem(
            data, target, n, condition, rows, _BUDGETS[condition] if rows == "all" else 500 + 14 * n
        )
    ]
}

# On these, every method is also run at rates that are the same for all.
SHARED = tuple(name for name in PROBLEMS if name.endswith("dense-64-condition10"))

# Targets of several sizes, for Adam at one rate.
SCALED = {
    f"scale {factor:g}": Problem("positive", "dense", 8, 10, "all", 20_000, factor)
    for factor in (0.1, 1.0, 10.0, 100.0, 1000.0)
}
SCALED_METHODS = ("plain", "plain zero", "plain log-normal", "exp")

# The problems and methods of which the losses on the way are kept, for a picture.
DRAWN_PROBLEMS = (
    "positive-dense-64-condition10",
    "signed-dense-64-condition10",
    "signed-sparse-512-online",
    "signed-dense-512-online",
)
DRAWN_METHODS = tuple(name for name in METHODS if name in ("exp", "square") or name not in MAPS)


def is_paired(problem: Problem, method: str, sign: str = "auto") -> bool:
    """Whether A = phi(W+) - phi(W-) and not phi(W).

    By default where data have signs or phi does not reach the targets, but for plain weights.

    Raises:
      ValueError: `positive` for data with signs, or for a map that cannot reach these targets.
    """
    _checks.choice("sign", sign, SIGNS)
    form, start, _ = METHODS[_checks.choice("method", method, METHODS)]
    if form == "linear" and start != "linearised":
        return False
    if form == "mass":
        return True
    reached = _reaches(form, problem)
    if sign == "positive" and (problem.data == "signed" or not reached):
        reason = "data that have signs" if problem.data == "signed" else "targets below 1"
        raise ValueError(
            f"sign must be 'auto' or 'paired' for {reason} (of {problem.name}, by "
            f"{method}), got 'positive'"
        )
    return sign == "paired" or problem.data == "signed" or not reached


def _reaches(form: str, problem: Problem) -> bool:
    """Whether phi alone reaches the targets."""
    if form in ("linear", "identity"):
        return True
    from weirdonetworks.functional.parameter_activations import get_parameter_activation

    lower = get_parameter_activation(form).lower
    return lower <= 0 and problem.data == "positive"
