"""Dense layers that light computes: unitary matrices as meshes of interferometers."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from weirdonetworks import _checks
from weirdonetworks._module import Module
from weirdonetworks._once import once
from weirdonetworks.functional.meshes import MeshPhases, mesh_columns, mesh_phases, through_mesh
from weirdonetworks.layers._complex_inputs import complex_features


class MeshDense(Module):
    """y = U x, U U^H = 1: [batch, N, 2] -> [batch, N, 2], (real, imaginary) in the last axis.

    U is a mesh of N (N - 1) / 2 interferometers in N columns, each of two neighbouring modes,

        (a, b) -> (e^(i phi) cos(theta) a - sin(theta) b, e^(i phi) sin(theta) a + cos(theta) b),

    and a phase e^(i alpha) of each mode at the end: N^2 angles, with which U is any unitary
    matrix (`assign`), for even and odd N. No power is lost, |y| = |x|, whatever the angles are.

    A device is built with errors. With `phase_noise`, each of its phases, phi, 2 theta and alpha,
    is off by a normal error of this standard deviation, in radians, drawn by `seed`: they are the
    device's own, the same at each call, in training as after it, and no variables. It is as
    unitary as before, but another U.

    Initialisation: U is drawn by Haar's measure, which prefers no unitary: phi and alpha are
    uniform, and sin(theta)^2 = u^(1 / k) for a uniform u, with a whole number k by the place in the
    mesh. Uniform theta would keep light near its mode.

    Sources: Clements, Humphreys, Metcalf, Kolthammer and Walmsley 2016, "Optimal design for
    universal multiport interferometers"; Russell, Chakhmakhchyan, O'Brien and Laing 2017, "Direct
    dialling of Haar random unitary matrices" (the start); Fang et al. 2019, "Design of optical
    neural networks with component imprecisions" (phase errors).
    """

    def __init__(self, phase_noise: float = 0.0, seed: int = 0, name: str | None = None):
        """Raises ValueError for a phase noise that is no finite number >= 0, or a seed that is no
        integer >= 0; at a call, for inputs that are not [batch, N, 2], as real ones."""
        super().__init__(name=name)
        self.phase_noise = _checks.number("phase_noise", phase_noise, 0, math.inf, open_high=True)
        self.seed = _checks.integer("seed", seed, 0)

    @once
    def _initialize(self, inputs: tf.Tensor):
        modes, dtype = inputs.shape[1], inputs.dtype
        self.input_size, self.input_dtype = modes, dtype
        k = _haar_exponents(modes)
        uniform = tf.random.uniform(k.shape, dtype=dtype)
        self.theta = tf.Variable(tf.asin(uniform ** tf.constant(0.5 / k, dtype)), name="theta")
        self.phi = tf.Variable(2 * math.pi * tf.random.uniform(k.shape, dtype=dtype), name="phi")
        alpha = 2 * math.pi * tf.random.uniform([modes], dtype=dtype)
        self.alpha = tf.Variable(alpha, name="alpha")

    def assign(self, unitary: Any) -> None:
        """Sets the angles to those whose U is this matrix, [N, N], complex.

        Raises:
          ValueError: before the first call, another size, or no unitary matrix.
        """
        self._check_called("angles")
        phases = mesh_phases(unitary)
        if len(phases.alpha) != self.input_size:
            size = self.input_size
            raise ValueError(
                f"unitary must be [{size}, {size}], as inputs have {size} modes, "
                f"got {len(phases.alpha)}"
            )
        for name, value in phases._asdict().items():
            getattr(self, name).assign(tf.cast(value, self.input_dtype))

    @property
    def matrix(self) -> tf.Tensor:
        """U with the device's errors, [N, N, 2], y_i = sum_j U_ij x_j.

        Raises:
          ValueError: before the first call, which makes the angles.
        """
        self._check_called("a matrix")
        one = tf.eye(self.input_size, dtype=self.input_dtype)
        columns = through_mesh(one, tf.zeros_like(one), self.phases)
        return tf.stack([tf.transpose(part) for part in columns], axis=2)

    def _check_called(self, what: str) -> None:
        if not hasattr(self, "alpha"):
            raise ValueError(f"MeshDense must be called before it has {what}, got {self!r}")

    @property
    def phases(self) -> MeshPhases:
        """The angles with the device's errors, which are numbers of its own and no weights.

        Raises:
          ValueError: before the first call, which makes the angles.
        """
        self._check_called("phases")
        phases = MeshPhases(self.theta, self.phi, self.alpha)
        if not self.phase_noise:
            return phases
        generator, found = np.random.default_rng(_checks.integer("seed", self.seed, 0)), []
        for angles, scale in zip(phases, (0.5, 1, 1), strict=True):  # theta is half of a phase
            errors = scale * self.phase_noise * generator.normal(size=angles.shape)
            found.append(angles + tf.constant(errors, angles.dtype))
        return MeshPhases(*found)

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = complex_features(self, inputs)
        self._initialize(inputs)
        return tf.stack(through_mesh(inputs[..., 0], inputs[..., 1], self.phases), axis=2)


def _haar_exponents(modes: int) -> np.ndarray:
    """k of each interferometer, column by column, such that sin(theta)^2 = u^(1 / k) is Haar's.

    On each diagonal of the mesh, of L interferometers, they are 1 to L: odd ones from the end at
    the first or last column on, even ones from the end at the first or last mode on.
    """
    found = []
    for column, (first, count) in enumerate(mesh_columns(modes)):
        for m in range(first, first + 2 * count, 2):
            early = column + m < modes - 1
            from_column = column if early else modes - 1 - column
            from_mode = m if early else modes - 2 - m
            found.append(min(2 * from_column + 1, 2 * from_mode + 2))
    return np.array(found, float)
