"""Variables made at the first call, once, also when a module is pickled into another process."""

import functools
from collections.abc import Callable

import sonnet as snt
import tensorflow as tf


def once(method: Callable[..., None]) -> Callable[..., None]:
    """Runs a method at the first call of each instance only.

    `snt.once` remembers its calls under keys that are drawn anew in each process. A module that
    was pickled and is called in another one would replace its variables by new, random ones.
    """
    done = f"{method.__name__}_done"

    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        if not getattr(self, done, False):
            method(self, *args, **kwargs)
            setattr(self, done, True)

    return wrapper


class Linear(snt.Linear):
    """`snt.Linear`, with `once` as above."""

    @once
    def _initialize(self, inputs: tf.Tensor):
        super()._initialize(inputs)
