"""A certificate: what is proven of a network on some images, and how near the proof comes."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Certificate:
    """What `certify` and `certify_rotations` prove of n images. All norms are l2, of the outputs.

    action: the transformations.
    exact: whether they are a group of permutations of the pixels, so that a network may be
        invariant up to rounding. Then:
    residual32, residual64: max |F(hx) - F(x)| / max |F| over images, h and outputs, computed in
        float32 and in float64.
    is_rounding: whether this is rounding: residual64 <= 2^-20 max(residual32, 2^-23). A defect is
        equally large in both types; rounding shrinks by about 2^-29.
    Otherwise:
    bound: [n, |H|], |F(hx) - F(x)|_2 <= bound[:, h]; from `certify_rotations` [n, |H| - 1], for
        every angle from one to the next.
    lipschitz: |F(x) - F(y)|_2 / |first(x) - first(y)|_2 is at most this, with the outputs of the
        first dense layer, over all of the group.
    nearest, mismatch: [n, |H|], the element k of the network's group with which h is compared,
        and (mean_g |g(h x) - (g k) x|_2^2)^(1/2), in pixel values: what interpolation leaves of
        the group. None from `certify_rotations`.
    stable: [n], whether the class that is predicted (argmax) is proven to stay the same.
    Always:
    measured: [n, |H|], |F(hx) - F(x)|_2 as computed in float64.
    """

    action: str
    exact: bool
    measured: np.ndarray
    bound: np.ndarray | None = None
    lipschitz: float | None = None
    nearest: np.ndarray | None = None
    mismatch: np.ndarray | None = None
    stable: np.ndarray | None = None
    residual32: float | None = None
    residual64: float | None = None
    is_rounding: bool | None = None
    norm: str = "l2"

    @property
    def tightness(self) -> np.ndarray | None:
        """[n], the largest measured over the largest bound: 1 where the bound is reached."""
        return None if self.bound is None else self.measured.max(axis=1) / self.bound.max(axis=1)

    def __str__(self) -> str:
        head = f"{self.action} on {len(self.measured)} images: "
        largest = f"largest |F(hx) - F(x)|_2 measured {self.measured.max():.3g}"
        if self.exact:
            verdict = "up to rounding" if self.is_rounding else "NOT"
            return (
                f"{head}invariant {verdict}, {largest}, "
                f"relative {self.residual32:.1e} in float32 and {self.residual64:.1e} in float64"
            )
        return (
            f"{head}{largest}, proven {self.bound.max():.3g} (median of the images "
            f"{np.median(self.measured.max(axis=1)):.3g} and "
            f"{np.median(self.bound.max(axis=1)):.3g}); "
            f"{np.mean(self.stable):.1%} of the predictions proven not to change"
        )
