"""A network of two meshes, the training with errors, and the devices that it is put on."""

import math

import sonnet as snt
import tensorflow as tf

from training.data.transformations import Draw
from training.engine.plain import Outcome, Step, plain
from weirdonetworks.functional import mod_relu
from weirdonetworks.layers import MeshDense

MESHES = 2


class LightNetwork(snt.Module):
    """z = U_2 mod_relu(U_1 F(image); b), logits_k = g |z_k|^2 + c_k: [batch, H, W, 1] -> logits.

    F: the side x side lowest frequencies of the unitary Fourier transform, one a mode. Its device
    has the phase errors of `MeshDense`, others for each `device`.
    """

    def __init__(self, classes: int, side: int, phase_noise: float = 0.0, device: int = 0):
        super().__init__(name="light_network")
        self.classes, self.side = classes, side
        self.meshes = [MeshDense(phase_noise, MESHES * device + i) for i in range(MESHES)]
        self.bias = tf.Variable(tf.zeros([side * side]), name="b")
        self.gain = tf.Variable(1.0, name="gain")
        self.offset = tf.Variable(tf.zeros([classes]), name="c")

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        del is_training
        first, second = self.meshes
        z = second(mod_relu(first(lowest(images, self.side)), self.bias))
        return self.gain * tf.reduce_sum(z[:, : self.classes] ** 2, axis=2) + self.offset


def lowest(images: tf.Tensor, side: int) -> tf.Tensor:
    """Frequencies -side / 2 .. of images [batch, H, W, 1], [batch, side^2, 2]."""
    pixels = math.prod(images.shape[1:3])
    k = tf.signal.fft2d(tf.cast(images[..., 0], tf.complex64)) / math.sqrt(pixels)
    k = tf.roll(k, [side // 2, side // 2], axis=[1, 2])[:, :side, :side]
    return tf.reshape(tf.stack([tf.math.real(k), tf.math.imag(k)], axis=3), [-1, side * side, 2])


def with_errors(noise: float) -> Step:
    """The plain step of a network whose phases have other errors at each step.

    They are uniform, with the standard deviation `noise` in radians; theta is half of a phase.
    """

    def step(network, objective, images, labels, draw: Draw) -> Outcome:
        angles = [angle for mesh in network.meshes for angle in (mesh.theta, mesh.phi, mesh.alpha)]
        kept = [angle.read_value() for angle in angles]
        for number, angle in enumerate(angles):
            scale = math.sqrt(3) * noise * (0.5 if number % 3 == 0 else 1)
            angle.assign_add(scale * draw.fork(number).uniform(angle.shape))
        outcome = plain(network, objective, images, labels)
        for angle, value in zip(angles, kept, strict=True):
            angle.assign(value)
        return outcome

    return step


class Bench:
    """A network without errors that is, in turn, what another one is on a device."""

    def __init__(self, classes: int, side: int, image_shape: tuple[int, ...]):
        self.network = LightNetwork(classes, side)
        self.network(tf.zeros([1, *image_shape]))

    def put(self, trained: LightNetwork, noise: float, device: int) -> LightNetwork:
        """`trained`, its angles set on a device whose phases have these errors."""
        for number, (own, source) in enumerate(
            zip(self.network.meshes, trained.meshes, strict=True)
        ):
            for name in ("theta", "phi", "alpha"):
                getattr(own, name).assign(getattr(source, name))
            own.phase_noise, own.seed = noise, MESHES * device + number
            phases = own.phases
            own.phase_noise = 0.0
            for name, angles in phases._asdict().items():
                getattr(own, name).assign(angles)
        for name in ("bias", "gain", "offset"):
            getattr(self.network, name).assign(getattr(trained, name))
        return self.network
