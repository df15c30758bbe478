"""Methods that run once for each instance."""

import pickle

import pytest
import sonnet as snt

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
