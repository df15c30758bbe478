"""One fit of one law."""

from typing import Any

from training.fitting.laws.attempt import attempt


def trial(axes: dict[str, Any], seed: int, choice: None, *, points: int) -> dict[str, Any]:
    """The row of `attempt`; the noise is a standard deviation, over the RMS of the law's values."""
    return attempt(axes["law"], axes["noise"], seed, points)
