"""PatchMLP: one network for all patches."""

import numpy as np
import pytest

from tests import helpers
from weirdonetworks.nets import PatchMLP


def _built(images, **kwargs) -> PatchMLP:
    net = PatchMLP(**kwargs)
    net(images)
    helpers.randomise_zeros(net)
    return net


@pytest.mark.parametrize(("size", "stride"), [(7, None), (12, 8)])
def test_formula(size, stride, noise):
    net = _built(
        noise, patch_size=size, stride=stride, patch_sizes=(6, 3), hidden_sizes=(5,),
        activation="tanh",
    )  # fmt: skip
    step, tokens = stride or size, []
    for row in range(0, 28 - size + 1, step):
        for column in range(0, 28 - size + 1, step):
            x = noise[:, row : row + size, column : column + size, 0].reshape(20, -1)
            for layer in net.patch.layers:
                x = np.tanh(x @ layer.w.numpy() + layer.b.numpy())
            tokens.append(x)
    x = np.concatenate(tokens, axis=1)
    for layer in net.hidden.layers:
        x = np.tanh(x @ layer.w.numpy() + layer.b.numpy())
    np.testing.assert_allclose(net(noise), x @ net.head.w.numpy() + net.head.b.numpy(), rtol=1e-9)


def test_patches_share_their_weights(noise):
    """Whatever changes places in the image changes places behind g, and nothing else there."""
    net = _built(noise, patch_sizes=(3,), hidden_sizes=())
    swapped = noise.copy()
    swapped[:, :7, :7], swapped[:, 7:14, 21:] = noise[:, 7:14, 21:], noise[:, :7, :7]
    w = net.head.w.numpy().reshape(16, 3, 10)
    w[[0, 7]] = w[[7, 0]]
    before = net(noise).numpy()
    assert np.abs(net(swapped) - before).max() > 1e-3
    net.head.w.assign(w.reshape(48, 10))
    np.testing.assert_allclose(net(swapped), before, rtol=1e-9)


def test_bad_arguments_and_images(noise):
    for kwargs, message in (
        ({"patch_size": 0}, "^patch_size must be an integer >= 1, got 0$"),
        ({"patch_sizes": ()}, "^patch_sizes must "),
        ({"stride": 1.5}, "^stride must be an integer >= 1, got 1.5$"),
        ({"unit": None}, "^unit must be one of"),
        ({"dropout": -1}, r"^dropout must be a number in \[0, 1\), got -1$"),
    ):
        with pytest.raises(ValueError, match=message):
            PatchMLP(**kwargs)
    with pytest.raises(ValueError, match=r"28 x 28: one of \[1, 2, 4, 7, 14, 28\], got 6$"):
        PatchMLP(patch_size=6)(noise)
    with pytest.raises(ValueError, match=r"28 x 28: one of \[1, 2, 4, 8\], got 5$"):
        PatchMLP(patch_size=12, stride=5)(noise)
    with pytest.raises(ValueError, match=r"as at the first call, got \(14, 28, 1\)$"):
        _built(noise)(noise[:, :14])
