"""What looks for the copy: canvas and cue -> a place."""

import sonnet as snt
import tensorflow as tf

import weirdonetworks as wn
from training.studies.find_copy.canvases import CANVAS, DIGIT, GRID

# Kind, and the width of its one hidden layer, or of the head.
NETWORKS = {
    "dynamic filter": ("filter", 52),
    "attention": ("attention", 52),
    "dense": ("dense", 8),
    "dynamic filter / 4": ("filter", 13),
    "attention / 4": ("attention", 13),
    "dense x 16": ("dense", 128),
}
MIDDLE = (CANVAS - 1) / 2
REACH = (CANVAS - DIGIT) / 2  # of centres, from the middle


class Finder(snt.Module):
    """The place of the copy, from -1 to 1 where centres can be: [batch, 2]."""

    def __init__(self, network: str, name: str | None = None):
        super().__init__(name=name)
        self.kind, width = NETWORKS[network]
        if self.kind == "filter":
            self.layer = wn.layers.DynamicFilter(DIGIT, GRID, generator_sizes=(width,))
        elif self.kind == "attention":
            self.layer = wn.layers.PatchAttention(DIGIT, GRID, size=width)
        else:
            self.layer = wn.nets.MLP(2, (width,), activation="gelu")

    def __call__(self, canvas: tf.Tensor, cue: tf.Tensor) -> tf.Tensor:
        if self.kind == "dense":
            flat = [tf.reshape(each, [-1, each.shape[1] * each.shape[2]]) for each in (canvas, cue)]
            return self.layer(tf.concat(flat, axis=1))
        return (self.layer(canvas, cue) - MIDDLE) / REACH
