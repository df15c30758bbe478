"""One task, or one worker: a process of its own all the same."""

import os

import pytest

from training.experiments import executor


def _process(number: int) -> tuple[int, int]:
    import tensorflow as tf

    if number < 0:
        raise ValueError("number must be at least 0")
    return os.getpid(), tf.config.threading.get_intra_op_parallelism_threads()


@pytest.mark.parametrize(("tasks", "workers"), [([(0,), (1,)], 1), ([(0,)], 2)])
def test_a_process_of_one_thread(tasks, workers):
    found = list(executor.run(_process, tasks, workers=workers))
    assert [place for place, _ in found] == list(range(len(tasks)))
    assert len({process for _, (process, _) in found}) == 1
    for _, (process, threads) in found:
        assert process != os.getpid() and threads == 1


def test_its_errors_are_raised_here():
    with pytest.raises(ValueError, match="number must be at least 0"):
        list(executor.run(_process, [(-1,)], workers=1))
