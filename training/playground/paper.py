"""Paper to draw on with mouse, pen or finger."""

import base64
import io

import gradio as gr
import numpy as np
from PIL import Image

_SIDE = 280  # pixels

_HTML = f"""
<canvas width="{_SIDE}" height="{_SIDE}"></canvas>
<button type="button">Clear</button>
"""
_CSS = """
canvas { width: 100%; aspect-ratio: 1; background: white; border: 1px solid gray;
  border-radius: 8px; touch-action: none; cursor: crosshair; }
button { width: 100%; padding: 6px; border-radius: 8px; border: 1px solid gray; }
"""
_JS = """
const canvas = element.querySelector("canvas");
const ink = canvas.getContext("2d");
ink.lineWidth = canvas.width / 13;
ink.lineCap = ink.lineJoin = "round";

function wipe() {
  ink.fillStyle = "white";
  ink.fillRect(0, 0, canvas.width, canvas.height);
}

function draw(event) {
  const box = canvas.getBoundingClientRect();
  const scale = canvas.width / box.width;
  ink.lineTo((event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
  ink.stroke();
}

wipe();
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  ink.beginPath();
  draw(event);
});
canvas.addEventListener("pointermove", (event) => event.buttons && draw(event));
canvas.addEventListener("pointerup", () => {
  props.value = canvas.toDataURL();
  trigger("input");
});
element.querySelector("button").addEventListener("click", () => {
  wipe();
  props.value = null;
  trigger("clear");
});
"""


def show(elem_id: str) -> gr.HTML:
    """A square to draw on, with a button that clears it; what is on it is for `read`.

    `input` is triggered at the end of each stroke, `clear` by the button. Gradio's own Sketchpad
    needs WebGL, and a tool to be chosen first. (No class of its own: Gradio would write a stub of
    it beside this file.)
    """
    return gr.HTML(
        html_template=_HTML,
        css_template=_CSS,
        js_on_load=_JS,
        apply_default_css=False,
        elem_id=elem_id,
    )


def read(drawn: str | None) -> np.ndarray | None:
    """What is drawn, black on white, uint8 [height, width]; None for blank paper.

    drawn: "data:image/png;base64,..." or None.

    Raises:
      ValueError, OSError: another text.
    """
    if drawn is None:
        return None
    content = base64.b64decode(drawn.partition(",")[2], validate=True)
    with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
        return np.asarray(picture.convert("L"))
