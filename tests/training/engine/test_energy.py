"""The invariant share of a run's weights: of the weights that training began and ended with."""

import json

import pytest

from training import energy as command_module
from training.engine import fit, load_run
from training.engine.energy import energy, shares
from weirdonetworks import groups, layers


def _fit(dataset, **settings):
    arguments = {"rank": 4, "hidden_sizes": (8,)}
    return fit(
        "quadratic_mlp",
        dataset,
        seed=3,
        network_args=arguments,
        epochs=1,
        progress=False,
        **settings,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory, few_digits, as_graphs):
    folder = tmp_path_factory.mktemp("energy") / "run"
    with as_graphs():
        _fit(few_digits).save(folder)
    return folder


@pytest.mark.slow
def test_the_shares_are_those_of_the_weights(run):
    found = energy(run)
    assert found == json.loads((run / "energy.json").read_text())
    assert (run / "energy.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    trained = load_run(run)
    assert shares(trained) == found
    for name, share in found.items():
        group = groups.get_group(name)
        invariant, total = layers.invariant_energy(trained.network.polynomial, group)
        assert share["trained"] == pytest.approx(invariant.sum() / total.sum())
        assert share["dimension"] == pytest.approx(1 / group.size, rel=0.01)
        # Weights drawn without regard to the group; few forms, so the spread is large.
        assert share["initial"] == pytest.approx(1 / group.size, rel=0.2)
    assert found["cyclic4"]["trained"] != pytest.approx(found["cyclic4"]["initial"], rel=1e-6)


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_the_initial_weights_are_those_that_training_began_with(run, few_digits):
    """A run that hardly moves ends where it began."""
    still = shares(_fit(few_digits, learning_rate=1e-12), ["cyclic4"])["cyclic4"]
    assert still["trained"] == pytest.approx(still["initial"], rel=1e-7)
    assert still["initial"] == shares(load_run(run), ["cyclic4"])["cyclic4"]["initial"]


@pytest.mark.slow
def test_the_command(run, command):
    outcome = command(command_module, f"--workdir={run}", "--groups=cyclic4")
    assert outcome.exit_code == 0
    head, line, written = outcome.stdout.splitlines()
    assert head.split()[-3:] == ["dimension", "initial", "trained"]
    assert line.split()[:2] == ["cyclic4", "25.03"] and len(line.split()) == 4
    assert written == f"written to {run}/energy.json, energy.png"


@pytest.mark.slow
@pytest.mark.usefixtures("graphs")
def test_other_networks_and_groups(run, command, small_run):
    outcome = command(command_module, f"--workdir={small_run.workdir}")
    outcome.assert_failed("must be one of a network with a layer of quadratic polynomials")
    command(command_module).assert_failed("workdir must be given")
    for name in ("cyclic3", "square"):
        command(command_module, f"--workdir={run}", f"--groups={name}").assert_failed("group must")
