"""The page as a whole: what is on it, and where it is shown."""

import socket

import numpy as np
import pytest
import tensorflow as tf

from training.playground import __main__ as program
from training.playground import page
from weirdonetworks.commands.classify.classify import Network, networks
from weirdonetworks.nets import SynchronousMLP

QUANTILES = np.linspace(0, 1, 101)


def said(blocks) -> str:
    """All texts and labels of a page."""
    return str([component["props"] for component in blocks.get_config_file()["components"]])


@pytest.mark.slow
def test_synchronous_networks_can_be_proven_and_others_are_told_of():
    asked = networks("mlp", "mnist")
    assert "there is nothing to prove" in said(page.build(asked))
    network = SynchronousMLP(lift_sizes=(2,), head_sizes=None, group="cyclic4")
    network(tf.zeros([1, 28, 28, 1]))
    texts = said(page.build([*asked, Network("turned", network, QUANTILES, QUANTILES)]))
    assert "Prove how stable turned is" in texts and "nothing to prove" not in texts


@pytest.mark.slow
def test_nothing_is_told_to_others():
    config = page.build([]).get_config_file()
    assert config["analytics_enabled"] is False
    assert not page.THEME._stylesheets  # fonts from elsewhere


@pytest.mark.slow
def test_a_port_that_is_taken_is_an_error(command):
    with socket.create_server((page.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        command(program, f"--port={port}").assert_failed(f"port must be free, got {port}")
    command(program, "--port=0").assert_failed("port", exit_code=2)
