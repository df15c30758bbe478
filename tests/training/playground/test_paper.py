"""What comes from the paper is a picture, or refused."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from training.playground import paper


def sent(picture: Image.Image, format: str = "PNG") -> str:
    """As a browser sends it."""
    content = io.BytesIO()
    picture.save(content, format)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def test_a_picture_is_read_as_brightness():
    brightness = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    colours = np.stack([brightness] * 3 + [np.full_like(brightness, 255)], axis=-1)
    np.testing.assert_array_equal(paper.read(sent(Image.fromarray(colours))), brightness)
    assert paper.read(None) is None


def test_other_texts_are_refused():
    square = Image.new("L", (9, 9))
    for text in ("", "data:,", "data:image/png;base64,eA==", "x,%%%", sent(square, "GIF")):
        with pytest.raises((ValueError, OSError)):
            paper.read(text)
