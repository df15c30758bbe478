"""A network whose memory is a wave: the rows of an image drive a neural field."""

import math

import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn


class WaveReader(snt.Module):
    """An image read row by row, from above, by a ring: [batch, H, W, C] -> [batch, num_classes].

        u <- e^(-dt) u + (1 - e^(-dt)) (w * f(u) + A x_t + b),   u_0 = 0,   logits = V u_H + v,

    a step of `NeuralField` for each row x_t. From place to place passes w * f alone, five numbers
    in the place of a recurrent cell's matrix: what a place tells others of earlier rows has
    travelled to them. With `drift`, the medium moves: u is turned by so many places before each
    step, du/dt + c du/dx on the left side, and each place is read by other rows of A as it goes.
    With `still`, w = 0: the control, in which the logits are linear in the pixels.
    """

    def __init__(
        self,
        num_classes: int = 10,
        places: int = 59,
        dt: float = 0.1,
        strengths: tuple[float, float] = (4.0, 2.0),
        drift: int = 0,
        still: bool = False,
    ):
        super().__init__(name="wave_reader")
        self.keep, self.drift, self.still = math.exp(-dt), drift, still
        self.read = snt.Linear(places, name="read")
        self.field = wn.layers.NeuralField(1, dt, strengths=strengths)
        self.head = snt.Linear(num_classes, name="head")

    def __call__(self, images: tf.Tensor, is_training: bool = False) -> tf.Tensor:
        height, width, channels = images.shape[1:]
        drive = self.read(tf.reshape(images, [-1, width * channels]))
        drive = tf.transpose(tf.reshape(drive, [-1, height, drive.shape[-1]]), [1, 0, 2])
        u = self._step(tf.zeros_like(drive[0]), drive[0])  # makes w, which a loop must not
        _, u = tf.while_loop(
            lambda t, _: t < height,
            lambda t, u: (t + 1, self._step(u, drive[t])),
            (tf.constant(1), u),
            maximum_iterations=height - 1,
        )
        return self.head(u)

    def _step(self, u: tf.Tensor, drive: tf.Tensor) -> tf.Tensor:
        u = tf.roll(u, self.drift, axis=1)
        if self.still:
            return self.keep * u + (1 - self.keep) * drive
        return self.field.step(u, drive)
