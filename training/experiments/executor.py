"""Tasks in worker processes of one thread each: of this machine, or of a cluster."""

import concurrent.futures
import contextlib
import os
import queue
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import tqdm

from weirdonetworks import _checks

# One thread for each worker: for the libraries of NumPy, and for TensorFlow.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
_IDLE = 60  # seconds until a worker without a task ends
_PATIENCE = 5  # seconds until a cluster is taken to be unreachable
_RETRIES = 5  # of a task whose worker or node was lost; one that kills all of them is given up
_CALLS = 100  # of a worker in a cluster until another takes its place, with the memory free again


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
    never frees what it has compiled. They wait for further tasks until `close`. With `cluster`, the
    address of a Ray cluster ("auto", or host:port), on all its cores; what a lost node had in hand
    is done again by the others.

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
        yield from _on_processes(function, tasks, workers)
    else:
        for place, task in enumerate(tasks):
            yield place, function(*task)


def _on_processes(function, tasks, workers: int) -> Iterator[tuple[int, Any]]:
    """By joblib's pool; `joblib.Parallel` would do the work of a single worker in this process."""
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    pool = get_reusable_executor(workers, timeout=_IDLE, env=_ENVIRONMENT)
    _pools[:] = [pool]
    with warnings.catch_warnings():
        # What it says when it replaces a worker that has grown.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        waiting = {
            pool.submit(_work, os.getpid(), function, task): place
            for place, task in enumerate(tasks)
        }
        try:
            for done in concurrent.futures.as_completed(list(waiting)):
                yield waiting.pop(done), done.result()
        except TerminatedWorkerError:
            raise OSError(
                "a worker was killed, perhaps for want of memory: the same command, with fewer "
                "--workers, goes on where it was"
            ) from None
        finally:
            if waiting:
                # Its thread would look for the tasks that a shutdown drops, and say KeyError.
                with contextlib.suppress(queue.Empty):
                    while True:
                        pool._work_ids.get_nowait()
                pool.shutdown(kill_workers=True)


_pools: list[Any] = []  # the one whose workers wait for more, if there is one


def close() -> None:
    """Ends the workers, which wait for more, at once."""
    while _pools:
        _pools.pop().shutdown(kill_workers=True)


def _work(parent: int, function: Callable[..., Any], task: tuple) -> Any:
    """A task in a worker, which ends when its parent is killed: the pool's would go on."""
    if not any(thread.name == "parent" for thread in threading.enumerate()):
        # Its own lock is a semaphore between processes, left behind by a worker that is killed.
        tqdm.tqdm.set_lock(threading.RLock())
        threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()
    return function(*task)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _on_cluster(function, tasks, address: str) -> Iterator[tuple[int, Any]]:
    """By Ray's own tasks, which it repeats when a node is lost.

    joblib's Ray backend gives results only when all are there (it has no `return_as="generator"`):
    a study that is killed would have kept nothing.
    """
    with _connected(address) as ray:
        remote = ray.remote(num_cpus=1, max_retries=_RETRIES, max_calls=_CALLS)(_call)
        function = ray.put(function)
        waiting = {remote.remote(function, task): place for place, task in enumerate(tasks)}
        while waiting:
            for done in ray.wait(list(waiting))[0]:
                try:
                    yield waiting.pop(done), ray.get(done)
                except ray.exceptions.RayTaskError as error:
                    raise error.cause from error
                except ray.exceptions.RayError as error:
                    raise OSError(
                        f"a worker of the cluster {address} is lost ({type(error).__name__}): the "
                        "same command goes on where it was"
                    ) from error


def _call(function: Callable[..., Any], task: tuple) -> Any:
    return function(*task)


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Ray, connected to a cluster, to whose nodes the code of this repository is sent."""
    try:
        import ray
    except ImportError as error:
        raise ImportError(
            f"cluster needs Ray: pip install 'weirdonetworks[cluster]' ({error})"
        ) from None
    root = Path(__file__).parents[2]
    code = {"py_modules": [str(root / "training"), str(root / "weirdonetworks")]}
    try:
        if ":" in address:
            _answers(address.removeprefix("ray://"))
        ray.init(
            address=address,
            runtime_env={**code, "env_vars": _ENVIRONMENT},
            logging_level="ERROR",
            log_to_driver=False,
        )
    except Exception as error:  # Ray promises no types
        raise OSError(
            "cluster must be the address of a Ray cluster that runs, HOST:PORT or auto, got "
            f"{address!r} ({_first_line(error)})"
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _answers(address: str) -> None:
    """Raises TimeoutError if nobody answers there as Ray would; it would try for minutes."""
    import grpc

    if os.environ.get("RAY_USE_TLS", "0") != "0":
        return  # it answers to whom it knows
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(_PATIENCE)
        except grpc.FutureTimeoutError:
            raise TimeoutError(f"no answer within {_PATIENCE} s") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
