"""The invariant share of a run's weights: of the weights that training began and ended with."""

import json

import pytest

from training import energy
from training.train import train_and_evaluate
from weirdonetworks import groups, layers

pytestmark = pytest.mark.usefixtures("quick_data")


@pytest.fixture(scope="module")
def run(tmp_path_factory, quick_data):
    folder = tmp_path_factory.mktemp("energy") / "run"
    arguments = {"rank": 4, "hidden_sizes": (8,)}
    train_and_evaluate(
        "quadratic_mlp", "mnist_5k", folder, seed=3, network_args=arguments, epochs=1
    )
    return folder


def test_the_shares_are_those_of_the_weights(run):
    shares = energy.energy(run)
    assert shares == json.loads((run / "energy.json").read_text())
    assert (run / "energy.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    trained, _ = energy.load_run(run)
    for name, share in shares.items():
        invariant, total = layers.invariant_energy(trained.polynomial, groups.get_group(name))
        assert share["trained"] == pytest.approx(invariant.sum() / total.sum())
        size = groups.get_group(name).size
        assert share["dimension"] == pytest.approx(1 / size, rel=0.01)
        # Weights drawn without regard to the group; few forms, so the spread is large.
        assert share["initial"] == pytest.approx(1 / size, rel=0.2)
    assert shares["cyclic4"]["trained"] != pytest.approx(shares["cyclic4"]["initial"], rel=1e-6)


def test_the_initial_weights_are_those_that_training_began_with(run, tmp_path):
    """A run that hardly moves ends where it began."""
    config = json.loads((run / "config.json").read_text())
    train_and_evaluate(
        "quadratic_mlp",
        "mnist_5k",
        tmp_path / "still",
        seed=3,
        network_args=config["network_args"],
        epochs=1,
        learning_rate=1e-12,
    )
    still = energy.energy(tmp_path / "still", ["cyclic4"])["cyclic4"]
    assert still["trained"] == pytest.approx(still["initial"], rel=1e-7)
    assert still["initial"] == energy.energy(run, ["cyclic4"])["cyclic4"]["initial"]


def test_the_command(run, command):
    outcome = command(energy, f"--workdir={run}", "--groups=cyclic4")
    assert outcome.exit_code == 0
    head, line, written = outcome.stdout.splitlines()
    assert head.split()[-3:] == ["dimension", "initial", "trained"]
    assert line.split()[:2] == ["cyclic4", "25.03"] and len(line.split()) == 4
    assert written == f"written to {run}/energy.json, energy.png"


def test_other_networks_and_groups(run, command, small_run):
    outcome = command(energy, f"--workdir={small_run.workdir}")
    outcome.assert_failed("must hold a run of a network with a layer of quadratic polynomials")
    command(energy).assert_failed("workdir must be given")
    for name in ("cyclic3", "square"):
        command(energy, f"--workdir={run}", f"--groups={name}").assert_failed("group must")
