"""Tasks in worker processes of one thread each, which are replaced before they grow too large."""

import concurrent.futures
import concurrent.futures.process
import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf
from absl import flags

from weirdonetworks import _checks

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run(
    function: Callable[..., Any],
    tasks: Sequence[tuple],
    workers: int,
    per_process: int | None = None,
) -> Iterator[Any]:
    """The results of function(*task), as they come.

    Each worker is a new process of one thread; with `workers=0`, all happens in this process, in
    the order of the tasks. `function`, and what tasks hold, must be importable by name if there are
    workers. TensorFlow never frees what it has compiled: after every `per_process` tasks a worker,
    all of them are replaced, once the last of them is done.

    An error of a task is raised here, and ends the others that have not begun.

    Raises:
      OSError: a worker was killed, perhaps for want of memory.
    """
    _checks.integer("workers", workers, minimum=0)
    if not workers:
        yield from (function(*task) for task in tasks)
        return
    size = max(1, len(tasks) if per_process is None else workers * per_process)
    for first in range(0, len(tasks), size):
        yield from _run(function, tasks[first : first + size], workers)


def _run(function: Callable[..., Any], tasks: Sequence[tuple], workers: int) -> Iterator[Any]:
    with _one_thread_each():
        pool = concurrent.futures.ProcessPoolExecutor(
            min(workers, len(tasks)),
            multiprocessing.get_context("spawn"),
            initializer=_start_worker,
        )
        try:
            futures = [pool.submit(function, *task) for task in tasks]
            for future in concurrent.futures.as_completed(futures):
                yield future.result()
        except concurrent.futures.process.BrokenProcessPool:
            raise OSError(
                "a worker was killed, perhaps for want of memory: the same command, with fewer "
                "--workers, goes on where it was"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Child processes find in their environment that NumPy shall use one thread."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker() -> None:
    """One thread for TensorFlow, and an end when the parent is killed: workers would wait on."""
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


WORKERS = flags.DEFINE_integer("workers", 2, "Processes of one thread; 0: all in this one.", 0)
