"""One-parameter families of image transformations, s -> g_s, sampled at evenly spaced s."""

from collections.abc import Callable

import numpy as np

from weirdonetworks import _checks
from weirdonetworks.groups import ImageAction, affine, affine_matrices, rotations


class Family:
    """A path s -> g_s of maps of images, at evenly spaced parameters s_0 < ... < s_{S-1}.

    An open family runs from s_0 to s_{S-1}. A closed one goes on from s_{S-1} to s_0, one step
    further, as do the rotations by 0, 5, ..., 355 degrees. Averages over s are those of the
    trapezoid rule, the integral of the linear interpolant divided by the range:

      E_s h(s) = sum_i weights_i h(s_i),

    with weights 1 / S on a closed family, and 1 / (S - 1), half as much at both ends, on an open
    one. S is even where the family is closed and odd where it is open, so that every second point
    is such a family again, twice as coarse, from which the error of a measure is estimated.

    Attributes:
      name: such as "rotation".
      parameters: s, float64 [S].
      action: the S maps.
      unit: of s, such as "degrees".
      closed: whether it is a full circle.
      identity: the index i with g_{s_i} = 1, or None.
    """

    def __init__(
        self, name: str, parameters, action: ImageAction, unit: str = "", closed: bool = False
    ):
        """Raises ValueError for an action that is none, and for parameters that are not one for
        each of its elements, finite, increasing and evenly spaced, or too few, or an odd number of
        them on a circle, an even number otherwise."""
        if not isinstance(action, ImageAction):
            raise ValueError(f"action must be an ImageAction, got {action!r}")
        self.name, self.action, self.unit = name, action, unit
        self.closed = _checks.flag("closed", closed)
        self.parameters = np.array(parameters, np.float64)
        if self.parameters.shape != (action.size,):
            raise ValueError(
                f"parameters must be [{action.size}], one for each element of the action, "
                f"got shape {self.parameters.shape}"
            )
        _check_steps("parameters", action.size, self.closed)
        steps = np.diff(self.parameters)
        if not np.all(steps > 0) or not np.allclose(steps, steps[0], rtol=1e-6, atol=0):
            raise ValueError(
                f"parameters must be finite, increasing and evenly spaced, got {self.parameters}"
            )
        self.identity = identity(action)

    @property
    def size(self) -> int:
        """S, the number of maps."""
        return self.action.size

    @property
    def step(self) -> float:
        """The distance of neighbouring parameters."""
        return float(self.parameters[1] - self.parameters[0])

    @property
    def weights(self) -> np.ndarray:
        """Of the average over s, float64 [S]; their sum is 1."""
        return trapezoid(self.size, self.closed)

    def __repr__(self) -> str:
        path = "closed" if self.closed else "open"
        low, high = self.parameters[0], self.parameters[-1]
        return f"<Family {self.name}: {self.size} steps from {low:g} to {high:g}, {path}>"


def trapezoid(size: int, closed: bool) -> np.ndarray:
    """The weights of the trapezoid rule for an average over evenly spaced points, [size]."""
    weights = np.ones(size)
    if not closed:
        weights[[0, -1]] = 0.5
    return weights / weights.sum()


def identity(action: ImageAction) -> int | None:
    """The index of the first element that leaves images as they are, or None."""
    moves = np.abs(action.matrices - np.eye(2)).max(axis=(1, 2))
    still = np.flatnonzero((moves < 1e-9) & (np.abs(action.shifts).max(axis=1) < 1e-9))
    return int(still[0]) if len(still) else None


def rotation(
    steps: int | None = None,
    low: float = 0.0,
    high: float = 360.0,
    image_shape: tuple[int, int] = (28, 28),
) -> Family:
    """Rotations by s degrees, counterclockwise.

    Closed where high - low = 360, and then without the last angle, which is the first: 72 steps of
    5 degrees unless told otherwise. Open where it is less, with 61 steps.

    Raises:
      ValueError: low >= high, more than a full circle, an odd number of steps on a full circle, an
        even number otherwise, or too few.
    """
    low, high = _interval(low, high)
    if high - low > 360:
        raise ValueError(f"high - low must be at most 360 degrees, got {high - low:g}")
    closed = high - low == 360
    steps = _check_steps("steps", (72 if closed else 61) if steps is None else steps, closed)
    angles = _round(np.linspace(low, high, steps, endpoint=not closed))
    return Family("rotation", angles, rotations(angles, image_shape), "degrees", closed)


def shift_x(
    steps: int = 33, low: float = -8.0, high: float = 8.0, image_shape: tuple[int, int] = (28, 28)
) -> Family:
    """Shifts by s pixels to the right, with 0 coming in.

    Raises:
      ValueError: low >= high, or steps that are not an odd number >= 3.
    """
    return _shifts("shift_x", (1, 0), _points(steps, low, high), image_shape)


def shift_y(
    steps: int = 33, low: float = -8.0, high: float = 8.0, image_shape: tuple[int, int] = (28, 28)
) -> Family:
    """Shifts by s pixels upwards, with 0 coming in.

    Raises:
      ValueError: low >= high, or steps that are not an odd number >= 3.
    """
    return _shifts("shift_y", (0, 1), _points(steps, low, high), image_shape)


def scale(
    steps: int = 41, low: float = 0.5, high: float = 1.5, image_shape: tuple[int, int] = (28, 28)
) -> Family:
    """Content enlarged s times about the centre, s > 0, evenly spaced in s.

    Raises:
      ValueError: low <= 0, low >= high, or steps that are not an odd number >= 3.
    """
    _checks.positive("low", low)
    s = _points(steps, low, high)
    return Family("scale", s, affine(affine_matrices(scale=s), image_shape), "factor")


def shear(
    steps: int = 41, low: float = -1.0, high: float = 1.0, image_shape: tuple[int, int] = (28, 28)
) -> Family:
    """(x, y) -> (x + s y, y): upright strokes lean to the right for s > 0.

    Raises:
      ValueError: low >= high, or steps that are not an odd number >= 3.
    """
    s = _points(steps, low, high)
    return Family("shear", s, affine(affine_matrices(shear=s), image_shape), "x per y")


FAMILIES: dict[str, Callable[..., Family]] = {
    "rotation": rotation,
    "shift_x": shift_x,
    "shift_y": shift_y,
    "scale": scale,
    "shear": shear,
}


def _shifts(name: str, direction, s: np.ndarray, image_shape: tuple[int, int]) -> Family:
    maps = affine_matrices(shift=np.outer(s, direction))
    return Family(name, s, affine(maps, image_shape), "pixels")


def _points(steps: int, low: float, high: float) -> np.ndarray:
    low, high = _interval(low, high)
    return _round(np.linspace(low, high, _check_steps("steps", steps, closed=False)))


def _round(points: np.ndarray) -> np.ndarray:
    # So that the point where nothing moves is 0 or 1, and not 1e-17 beside it.
    return np.round(points, 12)


def _interval(low: float, high: float) -> tuple[float, float]:
    low = _checks.number("low", low, -np.finfo(float).max, np.finfo(float).max)
    high = _checks.number("high", high, -np.finfo(float).max, np.finfo(float).max)
    if low >= high:
        raise ValueError(f"low must be below high, got {low:g} and {high:g}")
    return low, high


def _check_steps(name: str, size: int, closed: bool) -> int:
    kind, least = ("an even", 4) if closed else ("an odd", 3)
    ok = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
    if not ok or size < least or size % 2 == closed:
        raise ValueError(
            f"{name} must be {kind} number >= {least} for {'a closed' if closed else 'an open'} "
            f"family, of which every second one makes a coarser family, got {size!r}"
        )
    return int(size)
