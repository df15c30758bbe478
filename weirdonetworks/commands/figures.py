"""Pictures without a window system."""

from typing import Any


def new_figure(rows: int = 1, columns: int = 1, squeeze: bool = True, **kwargs: Any):
    """A matplotlib figure and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained", **kwargs)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=squeeze)
