"""MixerMLP: its formula, and that a block that is used again costs no numbers."""

import numpy as np
import pytest

from tests import helpers
from weirdonetworks.nets import MixerMLP, count_numbers


def _built(images, **kwargs) -> MixerMLP:
    net = MixerMLP(**kwargs)
    net(images)
    helpers.randomise_zeros(net)
    return net


def test_formula(noise):
    net = _built(noise, patch_size=14, size=5, depth=2, repeats=3, activation="tanh")
    t = noise[..., 0].reshape(20, 2, 14, 2, 14).transpose(0, 1, 3, 2, 4).reshape(20, 4, 196)
    t = t @ net.embedding.w.numpy() + net.embedding.b.numpy()
    for mix_patches, mix_channels in net.blocks:
        a, b = mix_patches.w.numpy().T, mix_channels.w.numpy()
        for _ in range(3):
            t = t + np.tanh(a @ t + mix_patches.b.numpy()[:, None])
            t = t + np.tanh(t @ b + mix_channels.b.numpy())
    expected = t.reshape(20, 20) @ net.head.w.numpy() + net.head.b.numpy()
    np.testing.assert_allclose(net(noise), expected, rtol=1e-9)


@pytest.mark.slow
def test_numbers(noise):
    one, again = _built(noise), _built(noise, repeats=4)
    assert count_numbers(one).trained == count_numbers(again).trained == 3914
    assert count_numbers(_built(noise, depth=2)).trained == 3914 + 2 * 17 * 16


@pytest.mark.slow
def test_blocks_do_not_make_the_start_grow(digits):
    """The change of T by all blocks is of the same size however many there are."""
    sizes = []
    for depth, repeats in ((1, 1), (4, 1), (1, 16), (4, 16)):
        net = MixerMLP(activation="identity", size=32, depth=depth, repeats=repeats)
        logits = net(digits)
        sizes.append(float(np.std(logits)))
    assert max(sizes) / min(sizes) < 10, sizes


def test_bad_arguments_and_images(noise):
    for kwargs, message in (
        ({"size": 0}, "^size must be an integer >= 1, got 0$"),
        ({"depth": "1"}, "^depth must be an integer >= 1, got '1'$"),
        ({"repeats": 0}, "^repeats must be an integer >= 1, got 0$"),
        ({"patch_size": True}, "^patch_size must be an integer >= 1, got True$"),
        ({"dropout": 2}, r"^dropout must be a number in \[0, 1\), got 2$"),
    ):
        with pytest.raises(ValueError, match=message):
            MixerMLP(**kwargs)
    with pytest.raises(ValueError, match=r"28 x 28: one of \[1, 2, 4, 7, 14, 28\], got 8$"):
        MixerMLP(patch_size=8)(noise)
    with pytest.raises(ValueError, match=r"as at the first call, got \(14, 28, 1\)$"):
        _built(noise)(noise[:, :14])
