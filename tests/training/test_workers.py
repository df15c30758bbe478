"""Worker processes: all results, one thread each, replaced in time, gone with the parent."""

import functools
import operator
import os

import pytest

from training.experiments import executor as workers


def _where(number: int) -> tuple[int, int, str, int]:
    import tensorflow as tf

    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return number, os.getpid(), os.environ.get("OMP_NUM_THREADS", ""), threads


def _die(number: int) -> int:
    if number == 1:
        os._exit(9)
    return number


@pytest.mark.parametrize("per_process", [None, 1, 2])
def test_without_workers_all_happens_here_and_in_order(per_process):
    found = list(workers.run(_where, [(i,) for i in range(5)], 0, per_process))
    assert [number for number, *_ in found] == list(range(5))
    assert {process for _, process, *_ in found} == {os.getpid()}


def test_results_come_while_others_are_still_to_be_done():
    done = []
    results = workers.run(done.append, [(i,) for i in range(3)], 0)
    next(results)
    assert done == [0]


@pytest.mark.slow
def test_workers_have_one_thread_and_are_replaced():
    before = dict(os.environ)
    tasks = [(i,) for i in range(5)]
    found = list(workers.run(_where, tasks, 1, per_process=2))
    assert [number for number, *_ in sorted(found)] == list(range(5))
    processes = [process for _, process, *_ in found]
    assert len(set(processes)) == 3 and os.getpid() not in processes
    assert max(map(processes.count, processes)) == 2
    assert {rest for _, _, *rest in map(tuple, found) for rest in [tuple(rest)]} == {("1", 1)}
    assert dict(os.environ) == before


@pytest.mark.slow
def test_without_a_limit_they_are_kept():
    found = list(workers.run(_where, [(i,) for i in range(4)], 1))
    assert len({process for _, process, *_ in found}) == 1


@pytest.mark.slow
def test_errors_of_tasks_and_killed_workers():
    with pytest.raises(ZeroDivisionError):
        list(workers.run(operator.truediv, [(1, 0), (1, 1)], 1))
    with pytest.raises(OSError, match="^a worker was killed, .* goes on where it was$"):
        list(workers.run(_die, [(i,) for i in range(3)], 1))


def test_errors_here():
    with pytest.raises(ZeroDivisionError):
        list(workers.run(operator.truediv, [(1, 0)], 0))


@pytest.mark.parametrize("number", [-1, 1.5, None, True])
def test_a_bad_number_of_workers(number):
    with pytest.raises(ValueError, match="^workers must be an integer >= 0, got "):
        list(workers.run(_where, [(1,)], number))


@pytest.mark.parametrize("number", [0, 2])
def test_no_tasks(number):
    assert list(workers.run(functools.partial(_where), [], number)) == []


def test_the_environment_of_workers(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with workers._one_thread_each():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7" and "MKL_NUM_THREADS" not in os.environ
