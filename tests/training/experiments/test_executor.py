"""Worker processes: all results, one thread each, gone with the parent; errors of tasks."""

import functools
import operator
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from training.experiments import executor


@pytest.fixture(autouse=True, scope="module")
def _no_workers_are_left():
    yield
    executor.close()


def _where(number: int) -> tuple[int, int, dict[str, int]]:
    """Its number, its process, and how many threads TensorFlow computes with."""
    import tensorflow as tf

    tf.linalg.matmul(tf.ones([300, 300]), tf.ones([300, 300]))
    names = [
        Path(f"/proc/self/task/{t}/comm").read_text().strip() for t in os.listdir("/proc/self/task")
    ]
    pools = {name: names.count(name) for name in ("tf_Compute", "tf_XLAEigen")}
    return number, os.getpid(), pools


def _process(number: int) -> tuple[int, int, str]:
    time.sleep(0.3)
    return number, os.getpid(), os.environ["OMP_NUM_THREADS"] + os.environ["MKL_NUM_THREADS"]


_kept = []


def _grow(number: int) -> tuple[int, int]:
    """Keeps 120 MB more of its process each time; tells how many it has."""
    import psutil

    time.sleep(0.6)
    _kept.append(b"x" * 120_000_000)
    return os.getpid(), psutil.Process().memory_info().rss // 1_000_000


def _die(number: int) -> int:
    if number == 1:
        os._exit(9)
    return number


def _fail(number: int) -> int:
    if number == 2:
        raise ValueError(f"number must not be {number}")
    time.sleep(0.05 * number)
    return number


def test_without_workers_all_happens_here_and_in_order():
    found = list(executor.run(_fail, [(0,), (1,)], workers=0))
    assert found == [(0, 0), (1, 1)]
    with pytest.raises(ZeroDivisionError):
        list(executor.run(operator.truediv, [(1, 0)], workers=0))


def test_results_come_while_others_are_still_to_be_done():
    done = []
    results = executor.run(done.append, [(i,) for i in range(3)], workers=0)
    next(results)
    assert done == [0]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_are_other_processes_of_one_thread(workers):
    before = dict(os.environ)
    found = dict(executor.run(_process, [(i,) for i in range(6)], workers=workers))
    assert [found[place][0] for place in range(6)] == list(range(6))
    processes = {process for _, process, _ in found.values()}
    assert len(processes) == workers and os.getpid() not in processes
    assert {threads for *_, threads in found.values()} == {"11"}
    assert dict(os.environ) == before


@pytest.mark.slow
def test_a_function_without_a_module_is_sent_as_it_is():
    assert list(executor.run(lambda x: x + 1, [(1,)], workers=2)) == [(0, 2)]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads have no names to count")
def test_tensorflow_has_one_thread():
    ((_, (_, process, pools)),) = executor.run(_where, [(0,)], workers=2)
    assert process != os.getpid() and pools["tf_Compute"] == 1 and pools["tf_XLAEigen"] <= 1
    # A process of its own, which nobody told, has one for each core.
    code = f"from {__name__} import _where; print(_where(0)[2]['tf_Compute'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(os.sched_getaffinity(0))


@pytest.mark.slow
def test_workers_that_have_grown_are_replaced():
    """By joblib, at 300 MB; it looks once a second."""
    found = [row for _, row in executor.run(_grow, [(i,) for i in range(10)], workers=1)]
    sizes: dict[int, list[int]] = {}
    for process, size in found:
        sizes.setdefault(process, []).append(size)
    assert len(found) == 10 and len(sizes) >= 2  # all done, by more than one process
    assert max(max(grown) - grown[0] for grown in sizes.values()) < 700
    assert max(max(grown) - grown[0] for grown in sizes.values()) > 100  # they do grow


@pytest.mark.slow
def test_an_error_is_raised_here_and_what_was_done_is_told():
    found = []
    with pytest.raises(ValueError, match="^number must not be 2$"):
        for place, _ in executor.run(_fail, [(1,), (0,), (2,), *[(9,)] * 50], workers=1):
            found.append(place)
    assert found == [0, 1]
    assert list(executor.run(_fail, [(0,)], workers=1)) == [(0, 0)]  # a new pool


@pytest.mark.slow
def test_a_killed_worker_is_told_in_a_line():
    with pytest.raises(OSError, match="^a worker was killed, .* goes on where it was$"):
        list(executor.run(_die, [(i,) for i in range(3)], workers=1))


@pytest.mark.slow
def test_who_stops_listening_ends_the_work():
    began = time.monotonic()
    results = executor.run(time.sleep, [(0,), *[(60,)] * 4], workers=1)
    next(results)
    results.close()
    assert time.monotonic() - began < 30


@pytest.mark.slow
def test_what_had_not_begun_ends_without_a_word(monkeypatch):
    """Whenever that is: the pool's own thread once ended in a KeyError, three times of four."""
    errors = []
    monkeypatch.setattr(threading, "excepthook", errors.append)
    for ended in range(1, 6):
        results = executor.run(time.sleep, [(0.02,)] * 60, workers=2)
        for _ in range(ended):
            next(results)
        time.sleep(0.004 * ended)
        results.close()
    assert errors == []


PARENT = """
import os, sys, time
from training.experiments import executor

def task(number):
    print(os.getpid(), flush=True)
    time.sleep(60)

list(executor.run(task, [(0,), (1,)], workers=2))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_workers_end_with_a_parent_that_is_killed(start, tmp_path):
    process = start("-c", PARENT, cwd=tmp_path)
    workers = [int(process.stdout.readline()) for _ in range(2)]
    assert all(_alive(worker) for worker in workers)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    end = time.monotonic() + 20
    while any(_alive(worker) for worker in workers):
        assert time.monotonic() < end, "workers outlive their parent"
        time.sleep(0.1)


def _alive(process: int) -> bool:
    import psutil

    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("number", [-1, 1.5, None, True])
def test_a_bad_number_of_workers(number):
    with pytest.raises(ValueError, match="^workers must be an integer >= 0, got "):
        list(executor.run(_fail, [(1,)], workers=number))


@pytest.mark.parametrize("number", [0, 2])
def test_no_tasks(number):
    assert list(executor.run(functools.partial(_fail), [], workers=number)) == []
