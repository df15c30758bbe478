"""Pictures: drawn without a window system, with something on them."""

import struct
import sys

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from training.engine.workdir import METRICS
from training.report.figures import dots, draw_metrics
from weirdonetworks.commands.figures import new_figure
from weirdonetworks.commands.folder import Folder


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [1, 3])
def test_curves(tmp_path, epochs):
    values = np.random.default_rng(0).uniform(0.1, 0.3, [epochs, len(METRICS)])
    history = pd.DataFrame(values, columns=METRICS).assign(epoch=range(1, epochs + 1))
    path = Folder(tmp_path / "figures").save_figure(draw_metrics(history, "A title"), "curves.png")
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and data[-8:-4] == b"IEND"
    width, height = struct.unpack(">II", data[16:24])
    assert width > height > 200
    pixels = matplotlib.image.imread(path)
    assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 10  # something is drawn
    assert [entry.name for entry in path.parent.iterdir()] == ["curves.png"]


def test_dots_are_named_and_ordered_from_the_top():
    _, axis = new_figure()
    dots(axis, {"first": [1.0, 2.0, 3.0], "second": [5.0]})
    assert [label.get_text() for label in axis.get_yticklabels()] == ["first", "second"]
    assert axis.yaxis_inverted()
    np.testing.assert_allclose(axis.lines[0].get_xdata(), [1, 2, 3])


def test_pictures_need_no_window_system():
    assert "matplotlib.pyplot" not in sys.modules or new_figure()[0].canvas.manager is None
