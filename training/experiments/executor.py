"""Tasks in worker processes of one thread each: of this machine, or of a cluster."""

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from weirdonetworks import _checks

_ATTEMPTS = 3  # without a single result in between, before a cluster is given up


def run(
    function: Callable[..., Any],
    tasks: Sequence[tuple],
    *,
    workers: int = 2,
    cluster: str | None = None,
) -> Iterator[tuple[int, Any]]:
    """(place, function(*task)) of all tasks, as they come.

    With `workers=0`, all happens in this process, in the order of the tasks. Otherwise in that many
    processes of one thread each, which joblib replaces when they have grown by 300 MB: TensorFlow
    never frees what it has compiled. With `cluster`, the address of a Ray cluster ("auto", or
    host:port), on all its cores; what a lost node had in hand is done again by the others.

    An error of a task is raised here, and ends those that have not begun.

    Raises:
      OSError: a worker was killed, perhaps for want of memory; a cluster cannot be reached, or is
        lost.
      ImportError: Ray is not installed.
    """
    _checks.integer("workers", workers, minimum=0)
    if not tasks:
        return
    if cluster is not None:
        yield from _on_cluster(function, tasks, cluster)
    elif workers:
        yield from _on_processes(function, tasks, min(workers, len(tasks)))
    else:
        for place, task in enumerate(tasks):
            yield place, function(*task)


def _on_processes(function, tasks, workers: int) -> Iterator[tuple[int, Any]]:
    import joblib
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with joblib.parallel_config("loky", inner_max_num_threads=1), warnings.catch_warnings():
        # What joblib says when it replaces a worker that has grown.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        parallel = joblib.Parallel(workers, return_as="generator_unordered", batch_size=1)
        try:
            if workers == 1:  # for joblib that would be this process, which is not to be prepared
                one = get_reusable_executor(1, env={"OMP_NUM_THREADS": "1"})
                for place, task in enumerate(tasks):
                    yield one.submit(_work, os.getpid(), function, place, task).result()
                return
            yield from parallel(
                joblib.delayed(_work)(os.getpid(), function, place, task)
                for place, task in enumerate(tasks)
            )
        except TerminatedWorkerError:
            raise OSError(
                "a worker was killed, perhaps for want of memory: the same command, with fewer "
                "--workers, goes on where it was"
            ) from None


def _on_cluster(function, tasks, address: str) -> Iterator[tuple[int, Any]]:
    import joblib

    with _connected(address) as lost:
        missing, attempts = dict(enumerate(tasks)), 0
        while missing:
            attempts += 1
            try:
                with joblib.parallel_config("ray"):
                    parallel = joblib.Parallel(-1, return_as="generator_unordered", batch_size=1)
                    for place, result in parallel(
                        joblib.delayed(_work)(None, function, place, task)
                        for place, task in missing.items()
                    ):
                        attempts = 0
                        del missing[place]
                        yield place, result
            except lost as error:
                if attempts >= _ATTEMPTS:
                    raise OSError(
                        f"the cluster {address} is lost ({type(error).__name__}): the same command "
                        "goes on where it was"
                    ) from None
                time.sleep(1)


@contextlib.contextmanager
def _connected(address: str) -> Iterator[tuple[type[Exception], ...]]:
    """A connection to a Ray cluster, and the errors by which it says that a node is lost."""
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise ImportError(
            f"cluster needs Ray: pip install 'weirdonetworks[cluster]' ({error})"
        ) from None
    try:
        ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    except Exception as error:  # Ray promises no types
        raise OSError(
            f"cluster must be the address of a Ray cluster that runs, got {address!r} "
            f"({type(error).__name__})"
        ) from None
    register_ray()
    try:
        yield (ray.exceptions.RayActorError, ray.exceptions.NodeDiedError,
               ray.exceptions.WorkerCrashedError, ray.exceptions.ObjectLostError)  # fmt: skip
    finally:
        ray.shutdown()


def _work(parent: int | None, function: Callable[..., Any], place: int, task: tuple):
    """A task in a worker."""
    _prepare(parent)
    return place, function(*task)


_prepared = False


def _prepare(parent: int | None) -> None:
    """One thread for TensorFlow, and an end when the parent is killed: workers would wait on."""
    global _prepared
    if _prepared:
        return
    _prepared = True
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
