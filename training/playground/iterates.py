"""The page of exp^[a]: a slider from log by the identity to exp."""

import gradio as gr
import numpy as np
import pandas as pd
import tensorflow as tf

from training.playground.errors import told
from weirdonetworks.functional import exp_iterate

_LOW, _HIGH = -3.0, 8.0  # of the picture, in x and y
_STEPS = 221
_COLORS = {"log": "#60a5fa", "identity": "#9ca3af", "exp": "#f87171", "exp^[a]": "#14b8a6"}


def curves(alpha: float) -> pd.DataFrame:
    """log, the identity, exp and exp^[alpha] where x and y are in [-3, 8]: x, y, function."""
    x = np.linspace(_LOW, _HIGH, _STEPS)
    functions = {"log": -1.0, "identity": 0.0, "exp": 1.0, "exp^[a]": float(alpha)}
    parts = [
        pd.DataFrame({"x": x, "y": exp_iterate(tf.constant(x), a).numpy(), "function": name})
        for name, a in functions.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[table["y"].between(_LOW, _HIGH)].reset_index(drop=True)


def values(alpha: float, x: float | None) -> pd.DataFrame:
    """y = exp^[alpha](x), its slopes in x and alpha, and what is left on the way to exp or back.

    Raises:
      ValueError: no x, or alpha outside [-1, 1].
    """
    if x is None:
        raise ValueError("x must be a number, got none")
    x, a = tf.constant(x, tf.float64), tf.constant(alpha, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([x, a])
        y = exp_iterate(x, a)
    by_x, by_a = tape.gradient(y, [x, a])
    rows = {"y = exp^[a](x)": y, "dy/dx": by_x, "dy/da": by_a}
    if alpha >= 0:
        rows |= {"exp^[1 - a](y)": exp_iterate(y, 1 - a), "exp(x)": tf.exp(x)}
    else:
        rows |= {"exp^[-a](y)": exp_iterate(y, -a), "x": x}
    told = [f"{value.numpy():.10g}" for value in rows.values()]
    return pd.DataFrame({"": list(rows), "value": told})


def show() -> None:
    """Puts the page where it is called."""
    gr.Markdown(
        "exp^[a] is exp, a times: the logarithm at -1, the identity at 0, exp at 1; and at 1/2 a "
        "function f with f(f(x)) = exp(x)."
    )
    with gr.Row():
        with gr.Column(scale=1, min_width=340):
            alpha = gr.Slider(-1, 1, 0.5, step=0.01, label="a", elem_id="alpha")
            x = gr.Number(1, label="x", elem_id="x")
            table = gr.Dataframe(
                values(0.5, 1), interactive=False, buttons=[], show_label=False, elem_id="values"
            )
        with gr.Column(scale=2, min_width=480):
            plot = gr.LinePlot(
                curves(0.5),
                x="x",
                y="y",
                color="function",
                x_lim=[_LOW, _HIGH],
                y_lim=[_LOW, _HIGH],
                color_map=_COLORS,
                height=520,
                buttons=[],
                elem_id="iterates",
            )
    quick = {"show_progress": "hidden", "trigger_mode": "always_last"}
    alpha.change(told(curves), alpha, plot, **quick)
    gr.on([alpha.change, x.change], told(values), [alpha, x], table, **quick)
