"""Polynomials that a group leaves as they are, and how much of a polynomial is one."""

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks, _tensor_checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.functional.monomials import (
    MOST_DEGREE,
    monomial_indices,
    monomials_transposed,
)
from weirdonetworks.functional.sparse import SparseMap
from weirdonetworks.groups import ImageAction, check_is_group, get_group
from weirdonetworks.layers.polynomial import PolynomialDense, monomial_stddev


class InvariantPolynomialDense(Module):
    """Invariant polynomials of degree d: images [batch, H, W, C] -> [batch, output_size].

    A permutation of the pixels permutes the monomials. Averaging each over the group (the Reynolds
    operator) leaves one invariant polynomial an orbit, its mean, and these span all invariant ones:

        y_o = sum_{orbits O} w_Oo / sqrt(|O|) sum_{m in O} m(x),

    so that F(g x) = F(x) for all images, up to the rounding of sums in another order. The orbits
    are counted by Burnside's lemma, (1 / |G|) sum_g |monomials that g fixes|: about 1 / |G| of the
    monomials, and as many weights less than `PolynomialDense` has. Dividing by sqrt(|O|) makes
    the basis orthonormal in the weights of the monomials.

    All monomials of degree <= d (with `homogeneous`, of degree d exactly) of the H W C values.
    Initialisation: the coefficients w_Oo / sqrt(|O|) of the monomials are as wide as those of a
    `PolynomialDense`, but equal in each orbit, so that outputs have about the same spread.

    Source: Noether 1916, "Der Endlichkeitssatz der Invarianten endlicher Gruppen"; Schulz-Mirbach
    1995, "Invariant features for gray scale images", averages monomials so, as fixed features.
    """

    def __init__(
        self,
        output_size: int,
        group: ImageAction | str = "cyclic4",
        degree: int = 2,
        homogeneous: bool = False,
        name: str | None = None,
    ):
        """Raises ValueError for sizes or degrees that are not integers >= 1, and for a set that is
        no group of permutations of the pixels."""
        super().__init__(name=name)
        self.output_size = _checks.integer("output_size", output_size)
        self.group = check_is_group(get_group(group))
        self.degree = _checks.integer("degree", degree, maximum=MOST_DEGREE)
        self.homogeneous = _checks.flag("homogeneous", homogeneous)
        self.channels = None

    @once
    def _initialize(self, images: tf.Tensor):
        self.channels, self.input_dtype = images.shape[3], images.dtype
        orbits = monomial_orbits(self.group, self.channels, self.degree, self.homogeneous)
        sizes = np.bincount(orbits)
        self._sums = SparseMap(
            orbits, np.arange(len(orbits)), 1 / np.sqrt(sizes[orbits]), (len(sizes), len(orbits))
        )
        n = self.group.num_pixels * self.channels
        # Monomials of one orbit have powers, and so standard deviations, in common.
        stddev = np.zeros(len(sizes))
        stddev[orbits] = monomial_stddev(n, self.degree, self.homogeneous)
        stddev = tf.constant((stddev * np.sqrt(sizes))[:, None], images.dtype)
        w = stddev * tf.random.normal([len(sizes), self.output_size], dtype=images.dtype)
        self.w = tf.Variable(w, name="w")

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        images = _tensor_checks.grid(
            "InvariantPolynomialDense inputs", images, self.group.image_shape
        )
        _tensor_checks.same_dtype(self, images)
        if self.channels not in (None, images.shape[3]):
            raise ValueError(
                f"InvariantPolynomialDense inputs must have {self.channels} channels as at the "
                f"first call, got {images.shape[3]}"
            )
        self._initialize(images)
        x = tf.reshape(images, [-1, self.group.num_pixels * self.channels])
        invariants = self._sums(monomials_transposed(x, self.degree, self.homogeneous))
        return tf.matmul(invariants, self.w, transpose_a=True)


def monomial_orbits(
    group: ImageAction, channels: int, degree: int, homogeneous: bool = False
) -> np.ndarray:
    """The orbit of each monomial of the H W C values, numbered from 0: int [num_monomials].

    The monomials are those of `functional.monomial_indices`, in that order.

    Raises:
      ValueError: a set that is no group of permutations of the pixels.
    """
    moved = _moved_monomials(check_is_group(group), channels, degree, homogeneous)
    return np.unique(np.min(moved, axis=0), return_inverse=True)[1].reshape(-1)


def _moved_monomials(
    group: ImageAction, channels: int, degree: int, homogeneous: bool
) -> np.ndarray:
    """Which monomial of x each monomial of g x is, int [|G|, num_monomials]."""
    n = group.num_pixels * channels
    indices = monomial_indices(n, degree, homogeneous)
    sources = group.permutations[:, :, None] * channels + np.arange(channels)
    sources = sources.reshape(group.size, n)
    if not homogeneous:  # variable 0 is the constant
        sources = np.concatenate([np.zeros([group.size, 1], int), sources + 1], axis=1)
    places = sources.shape[1] ** np.arange(degree)[::-1]
    keys = indices @ places  # ascending, as the rows are in lexicographic order
    return np.stack(
        [np.searchsorted(keys, np.sort(of[indices], axis=1) @ places) for of in sources]
    )


def invariant_energy(layer: PolynomialDense, group: ImageAction) -> tuple[np.ndarray, np.ndarray]:
    """How much of each output's quadratic form is invariant: |P A_o|^2 and |A_o|^2, [output_size].

    y_o = x' A_o x + (lower degrees) with symmetric A_o; P A = (1 / |G|) sum_g g' A g is the
    orthogonal projection to the invariant forms, and |.| the Frobenius norm. The quotient of the
    two is the share of the weights' energy in the invariant subspace: 1 for an invariant
    polynomial, about 1 / |G| for weights that know nothing of the group. In float64.

    Raises:
      ValueError: a layer that is not built or not of degree 2, or a set that is no group of
        permutations of the pixels, or for images of another size.
    """
    called = isinstance(layer, PolynomialDense) and hasattr(layer, "input_size")
    if not called or layer.degree != 2:
        raise ValueError(
            f"layer must be a PolynomialDense of degree 2 that has been called, "
            f"got {_checks.received(layer)}"
        )
    channels, rest = divmod(layer.input_size, check_is_group(group).num_pixels)
    if rest:
        raise ValueError(
            f"group must act on images of {layer.input_size} / channels pixels, "
            f"got {_checks.received(group)}"
        )
    if layer.rank is None:
        inner = _inner_products_exact(layer, group, channels)
    else:
        inner = _inner_products_low_rank(layer, group, channels)
    return np.mean(inner, axis=0), inner[0]


def _inner_products_exact(layer: PolynomialDense, group: ImageAction, channels: int) -> np.ndarray:
    """<A_o, g A_o> for each g, [|G|, output_size], from the weights of the monomials."""
    indices = monomial_indices(layer.input_size, 2, layer.homogeneous)
    # A_ii = w_ii, but A_ij = A_ji = w_ij / 2; the constant and the linear terms do not count.
    share = np.where(indices[:, 0] == indices[:, 1], 1.0, 0.5)
    if not layer.homogeneous:
        share[indices[:, 0] == 0] = 0
    w = layer.w.numpy().astype(np.float64)
    moved = _moved_monomials(group, channels, 2, layer.homogeneous)
    return np.stack([np.einsum("m,mo,mo->o", share, w, w[to]) for to in moved])


def _inner_products_low_rank(
    layer: PolynomialDense, group: ImageAction, channels: int
) -> np.ndarray:
    """The same for A_o = sum_r c_ro (v_r1 v_r2' + v_r2 v_r1') / 2, without making any A."""
    v = layer.v.numpy().astype(np.float64).reshape(group.num_pixels, channels, 2, -1)
    a, b = (v[:, :, k].reshape(layer.input_size, -1) for k in (0, 1))
    c = layer.c.numpy().astype(np.float64)
    inner = []
    for permutation in group.permutations:
        ga, gb = (v[permutation, :, k].reshape(layer.input_size, -1) for k in (0, 1))
        gram = ((a.T @ ga) * (b.T @ gb) + (a.T @ gb) * (b.T @ ga)) / 2
        inner.append(np.einsum("ro,rs,so->o", c, gram, c, optimize=True))
    return np.stack(inner)
