"""Variables made at the first call, once, also when a module is pickled into another process."""

import functools
import re
import threading
from collections.abc import Callable

import sonnet as snt
import tensorflow as tf

from weirdonetworks import _checks

# One for all, as first calls are rare; again by the same thread for the modules in a module.
_LOCK = threading.RLock()


def once(method: Callable[..., None]) -> Callable[..., None]:
    """Runs a method at the first call of each instance only, whichever thread makes it.

    Other threads wait until it is done. `snt.once` lets them make variables over one another; and
    it remembers its calls under keys that are drawn anew in each process, so that a module that was
    pickled and is called in another one would replace its variables by new, random ones.
    """
    done = f"{method.__name__}_done"

    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        if getattr(self, done, False):
            return
        with _LOCK:
            if not getattr(self, done, False):
                try:
                    method(self, *args, **kwargs)
                except (MemoryError, tf.errors.ResourceExhaustedError) as error:
                    told = re.sub(r"\{\{.*?\}\} *| *\[Op:\w+\]", "", str(error)).strip()
                    raise ValueError(
                        f"{type(self).__name__} must have weights that fit in memory "
                        f"({told or 'it is full'})"
                    ) from error
                setattr(self, done, True)

    return wrapper


class Linear(snt.Linear):
    """`snt.Linear`, with `once` as above."""

    @once
    def _initialize(self, inputs: tf.Tensor):
        size = inputs.shape[-1] * self.output_size * tf.as_dtype(inputs.dtype).size
        _checks.memory("output_size must leave weights that fit in memory", self.output_size, size)
        super()._initialize(inputs)
