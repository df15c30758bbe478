"""What is said to be proven of a network is its certificate, all around the circle."""

import numpy as np
import pytest
import tensorflow as tf

from training.playground.proof import prove
from weirdonetworks import groups
from weirdonetworks.nets import SynchronousMLP

SHAPE = (8, 8)


def network(group: str, gain: float) -> SynchronousMLP:
    """One whose answers are the surer the larger the gain."""
    tf.random.set_seed(0)
    net = SynchronousMLP(3, (6,), head_sizes=(5,), group=group, image_shape=SHAPE)
    net(tf.zeros([1, *SHAPE, 1]))
    for variable in net.trainable_variables:
        variable.assign(gain * tf.random.normal(variable.shape))
    return net


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=SHAPE).astype(np.float32)


@pytest.mark.slow
def test_a_quarter_is_the_circle_where_quarter_turns_move_nothing(image):
    net = network("cyclic4", gain=1)
    parts = list(prove(net, image, step=0.1))
    assert [round(part.done, 3) for part in parts] == [round(k / 6, 3) for k in range(1, 7)]
    assert [part.text() for part in parts[:2]] == ["Proving: 17 %", "Proving: 33 %"]
    proof = parts[-1]
    assert proof.exact and list(proof.distances["degrees"]) == [*range(90)]
    assert proof.answer == np.argmax(net(image[None]))
    assert (proof.distances["measured"] <= proof.distances["proven"]).all()
    # Of angles between those that were measured, too, each by the row of its degree.
    angles = np.arange(0, 360, 0.25) + 0.0137
    moved = _moved(net, image, angles)
    assert moved.max() > 1
    assert (moved <= proof.distances["proven"].to_numpy()[(angles % 90).astype(int)]).all()


@pytest.mark.slow
def test_others_are_followed_all_around(image):
    net = network("cyclic3", gain=1)
    proof = list(prove(net, image, step=0.3))[-1]
    assert not proof.exact and list(proof.distances["degrees"]) == [*range(360)]
    assert "Quarter turns" not in proof.text()
    assert _moved(net, image, [90])[0] > 0.01  # which a quarter would not have shown


@pytest.mark.slow
def test_no_more_is_said_than_is_proven(image):
    """An answer that stays everywhere, of which coarse steps prove a part."""
    net = network("cyclic4", gain=1.5)
    fine, coarse = (list(prove(net, image, step))[-1] for step in (0.05, 0.1))
    turned = groups.rotations(np.arange(360), SHAPE).apply(image[None])[0]
    assert set(np.argmax(net(turned), axis=1)) == {fine.answer} == {coarse.answer}
    assert fine.kept == 1
    assert f"stays {fine.answer} at every angle. Quarter turns" in fine.text()
    assert 0 < coarse.kept < 1
    assert f"at {100 * coarse.kept:.0f} % of all angles. Of the others nothing" in coarse.text()
    unsure = list(prove(network("cyclic4", gain=0.5), image, step=0.3))[-1]
    assert unsure.kept == 0 and " 0 % of all angles" in unsure.text()


def _moved(net, image: np.ndarray, degrees) -> np.ndarray:
    turned = groups.rotations(degrees, SHAPE).apply(image[None])[0]
    return np.linalg.norm(net(turned) - net(image[None]), axis=1)
