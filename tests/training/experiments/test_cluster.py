"""A study on a real cluster of two nodes, one of which is lost in the middle; and on none."""

import socket
import threading
import time

import pytest

from training.experiments import Ladder, Report, Study, executor, runner
from training.search.run import search

PORTS = ("metrics_export_port", "dashboard_agent_listen_port", "metrics_agent_port",
         "runtime_env_agent_port")  # fmt: skip


def _node() -> dict:
    """Of one core; ports that are given need no agents that tell them, which take long to start."""
    sockets = [socket.socket() for _ in PORTS]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    few = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_log_monitor": False}
    return {**dict(zip(PORTS, ports, strict=True)), **few}


@pytest.fixture
def cluster(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args=_node() | {"include_dashboard": False})
    try:
        yield found
    finally:
        found.shutdown()


def _study(folder, lost: str = "") -> Study:
    """The second trial of the node that shall be lost never ends; the other node waits for it."""

    def trial(axes, seed, choice):
        import ray

        node = ray.get_runtime_context().get_node_id() if ray.is_initialized() else ""
        (folder / f"{node}-{axes['kind']}-{seed}-{choice}").touch()
        if node == lost != "" and len(list(folder.glob(f"{node}-*"))) > 1:
            (folder / f"{node}-hangs").touch()
            time.sleep(600)
        while node != lost != "" and not (folder / f"{lost}-hangs").exists():
            time.sleep(0.05)
        score = 1 / (1 + seed + abs(choice - 0.01) + len(axes["kind"]))
        return {"validation_accuracy": score, "seconds": time.time() % 1, "node": node}

    return Study(
        name="lost",
        question="Does it end?",
        axes={"kind": ["a", "bb"]},
        seeds=(0, 1, 2),
        choose=Ladder((3e-3, 1e-2, 3e-2)),
        trial=trial,
        report=lambda results: Report(results),
    )


@pytest.mark.slow
def test_a_study_survives_a_lost_node_with_the_rows_of_one_process(cluster, tmp_path):
    second = cluster.add_node(**_node())
    folder = tmp_path / "begun"
    folder.mkdir()

    def lose() -> None:
        while not (folder / f"{second.node_id}-hangs").exists():
            time.sleep(0.05)
        cluster.remove_node(second, allow_graceful=False)

    killer = threading.Thread(target=lose, daemon=True)
    killer.start()
    there = runner.run(_study(folder, second.node_id), tmp_path / "x", cluster=cluster.address)
    killer.join(60)
    assert not killer.is_alive()  # the node was lost, and in the middle of a trial
    assert len(there["runs"]) == 6 and len(there["choices"]) == 6
    rows = [*there["runs"]["node"], *there["choices"]["node"]]
    assert second.node_id in rows and len(set(rows)) == 2
    here = runner.run(_study(tmp_path / "begun"), tmp_path / "y", workers=0)
    for name in ("runs", "choices"):
        same = [table[name].drop(columns=["seconds", "node"]) for table in (there, here)]
        assert same[0].equals(same[1])


@pytest.mark.slow
def test_a_search_runs_on_a_cluster(cluster, tmp_path, few_digits_file, monkeypatch):
    on_cluster, asked = executor._on_cluster, []
    monkeypatch.setattr(executor, "_on_cluster", lambda *a: asked.append(a[2]) or on_cluster(*a))
    table = search(
        str(few_digits_file), [4000], tmp_path / "search", families=["frequencies"], epochs=1,
        trials=2, cluster=cluster.address,
    )  # fmt: skip
    assert (
        asked == [cluster.address]
        and len(table) == 2
        and (tmp_path / "search" / "best.json").exists()
    )


@pytest.mark.slow
def test_no_cluster_there_is_an_error_within_seconds(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    with socket.socket() as closed, socket.socket() as silent:
        for each in (closed, silent):
            each.bind(("127.0.0.1", 0))
        silent.listen()
        ports = [each.getsockname()[1] for each in (closed, silent)]
        for address in (*(f"127.0.0.1:{port}" for port in ports), "auto", f"ray://a:{ports[0]}"):
            began = time.monotonic()
            with pytest.raises(OSError, match="^cluster must be the address of a Ray") as told:
                list(executor.run(abs, [(1,)], cluster=address))
            assert repr(address) in str(told.value) and "\n" not in str(told.value)
            assert time.monotonic() - began < 20
