"""Methods that run once for each instance."""

import pickle
import threading
import time

import pytest
import sonnet as snt
import tensorflow as tf

from weirdonetworks._once import once


class Counter(snt.Module):
    """Counts how often it is initialised."""

    def __init__(self):
        super().__init__()
        self.count, self.fail = 0, False

    @once
    def _initialize(self, step: int):
        if self.fail:
            raise ValueError("not yet")
        self.count += step


def test_once_for_each_instance():
    first, second = Counter(), Counter()
    first._initialize(2)
    first._initialize(2)
    assert (first.count, second.count) == (2, 0)
    second._initialize(step=3)
    assert second.count == 3


def test_a_failure_does_not_count():
    counter = Counter()
    counter.fail = True
    with pytest.raises(ValueError, match="not yet"):
        counter._initialize(1)
    counter.fail = False
    counter._initialize(1)
    assert counter.count == 1


def test_a_pickle_remembers():
    counter = Counter()
    counter._initialize(1)
    twin = pickle.loads(pickle.dumps(counter))
    twin._initialize(1)
    assert twin.count == 1
    # By its name, which is the same in any process.
    assert twin.__dict__["_initialize_done"] is True


def _calls_at_once(once) -> tuple[int, list[bool]]:
    """How often eight threads initialise a module, and whether each found it ready."""

    class Slow(snt.Module):
        @once
        def _initialize(self):
            started.append(threading.get_ident())
            time.sleep(0.05)
            self.ready = True

        def __call__(self):
            self._initialize()
            ready.append(hasattr(self, "ready"))

    started, ready = [], []
    slow = Slow()
    threads = [threading.Thread(target=slow) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(started), ready


def test_other_threads_wait_until_it_is_done():
    assert _calls_at_once(once) == (1, [True] * 8)
    assert _calls_at_once(snt.once)[0] > 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (tf.errors.ResourceExhaustedError(None, None, "{{node a}} OOM [Op:Mul]"), "OOM"),
        (MemoryError(), "it is full"),
    ],
)
def test_weights_that_do_not_fit_are_a_bad_argument(error, told):
    class Large(snt.Module):
        @once
        def _initialize(self):
            raise error

    message = rf"^Large must have weights that fit in memory \({told}\)$"
    with pytest.raises(ValueError, match=message):
        Large()._initialize()
