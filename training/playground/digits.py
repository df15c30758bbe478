"""The page of digits: one is drawn, turned and shifted, and every network says what it is."""

from collections.abc import Sequence
from typing import NamedTuple

import gradio as gr
import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib import colormaps
from matplotlib.colors import to_hex

from training.playground import paper
from training.playground.errors import told
from training.playground.proof import prove
from weirdonetworks import groups, stability
from weirdonetworks.commands.classify.classify import ODD, Network, ask
from weirdonetworks.nets import SynchronousMLP
from weirdonetworks.pictures import to_mnist

_FARTHEST = 8  # pixels of 28
COLUMNS = ["network", "answer", "probability", "stays", "a digit?"]
_CIRCLE = stability.rotation()
_NONE = "None of the networks that are published is synchronous: there is nothing to prove."


class Looked(NamedTuple):
    """A digit, and what networks say of it as it turns.

    image: float32 [28, 28] in [0, 1]; reports: of the class probabilities, by network.
    """

    image: np.ndarray
    reports: dict[str, stability.Report]


def shifted(drawn: np.ndarray, right: float, up: float) -> np.ndarray:
    """A drawing in the form of MNIST, shifted by pixels of that: float32 [28, 28] in [0, 1].

    Args:
      drawn: brightness, uint8 [height, width].

    Raises:
      ValueError: nothing is drawn.
    """
    digit = to_mnist(drawn).astype(np.float32) / 255
    return _moved(groups.affine(groups.affine_matrices(shift=(right, up))), digit)


def look(networks: Sequence[Network], image: np.ndarray) -> Looked:
    """Turns a picture once around."""
    reports = {n.name: stability.measure(_probabilities(n), image[None], _CIRCLE) for n in networks}
    return Looked(image, reports)


def curves(looked: Looked) -> pd.DataFrame:
    """How likely each network finds its first answer at all angles: degrees, probability, network.

    360 degrees are 0 again.
    """
    parts = []
    for name, report in looked.reports.items():
        (responses,) = report.responses
        curve = responses[:, np.argmax(responses[report.family.identity])]
        degrees = [*report.family.parameters, 360.0]
        parts.append({"degrees": degrees, "probability": [*curve, curve[0]], "network": name})
    return pd.concat(map(pd.DataFrame, parts), ignore_index=True)


def answers(
    networks: Sequence[Network], looked: Looked, degrees: float
) -> tuple[np.ndarray, pd.DataFrame]:
    """The picture turned counterclockwise, uint8 [28, 28], and a row of what each network says."""
    seen = _moved(groups.rotations([degrees]), looked.image)
    rows = []
    for network in networks:
        said = ask(network, seen)
        stays = 1 - looked.reports[network.name].instability[0]
        rows.append(
            {
                "network": network.name,
                "answer": said["class"],
                "probability": f"{100 * said['probability']:.1f} %",
                "stays": f"{100 * stays:.0f} % of 360°",
                "a digit?": "no" if said["energy_rank"] > ODD else "yes",
            }
        )
    return np.rint(255 * seen).astype(np.uint8), pd.DataFrame(rows)


def _moved(action: groups.ImageAction, image: np.ndarray) -> np.ndarray:
    """One map of an image, [height, width]; interpolation may round to above 1."""
    return np.clip(action.apply(image[None])[0, 0, ..., 0].numpy(), 0, 1)


def _probabilities(network: Network):
    return lambda images: tf.nn.softmax(network.module(tf.constant(images[..., None], tf.float32)))


def color(number: int) -> str:
    """The dark ones of ten pairs of colours first."""
    return to_hex(colormaps["tab20"]((2 * number + number // 10) % 20))


def show(networks: Sequence[Network]) -> None:
    """Puts the page where it is called."""
    looked = gr.State()
    with gr.Row():
        with gr.Column(scale=6, min_width=300):
            gr.Markdown("Draw a digit")
            sheet = paper.show("paper")
        with gr.Column(scale=5, min_width=240):
            gr.Markdown("As the networks see it")
            seen = gr.Image(
                show_label=False,
                image_mode="L",
                format="png",
                interactive=False,
                buttons=[],
                height=220,
                elem_id="seen",
                elem_classes="pixels",
            )
            degrees = gr.Slider(0, 360, 0, step=1, label="degrees", elem_id="degrees")
            right, up = (
                gr.Slider(-_FARTHEST, _FARTHEST, 0, step=1, label=f"pixels {way}", elem_id=way)
                for way in ("right", "up")
            )
        with gr.Column(scale=12, min_width=560):
            gr.Markdown("What they say")
            table = gr.Dataframe(
                headers=COLUMNS,
                show_label=False,
                interactive=False,
                buttons=[],
                elem_id="answers",
            )
            gr.Markdown(
                "*stays*: on how much of the circle the answer to the upright picture is given; "
                "*a digit?* no, if its energy is above that of 99 % of the test digits."
            )
    curve = gr.LinePlot(
        x="degrees",
        y="probability",
        color="network",
        title="How sure each is of its first answer, as the picture turns",
        x_lim=[0, 360],
        y_lim=[0, 1],
        height=320,
        color_map={network.name: color(i) for i, network in enumerate(networks)},
        buttons=[],
        elem_id="curve",
    )

    def answered(found, degrees):
        return (None, None) if found is None else answers(networks, found, degrees)

    def looked_at(drawn, right, up, degrees):
        picture = paper.read(drawn)
        found = None if picture is None else look(networks, shifted(picture, right, up))
        return found, found and curves(found), *answered(found, degrees)

    # One after the other: none shows what another one has made of an earlier picture.
    order = {"concurrency_id": "digits", "concurrency_limit": 1, "show_progress": "hidden"}
    given, shown = [sheet, right, up, degrees], [looked, curve, seen, table]
    strokes, shifts = [sheet.input, sheet.clear], [right.change, up.change]
    gr.on(strokes, told(looked_at), given, shown, trigger_mode="multiple", **order)
    order["trigger_mode"] = "always_last"
    gr.on(shifts, told(looked_at), given, shown, **order)
    degrees.change(told(answered), [looked, degrees], [seen, table], **order)
    gr.Markdown("### Proven for every angle")
    provable = [network for network in networks if isinstance(network.module, SynchronousMLP)]
    for network in provable:
        _show_proof(network, [sheet, right, up], strokes + shifts)
    if not provable:
        gr.Markdown(_NONE, elem_id="proof")


def _show_proof(network: Network, given: Sequence, changes: Sequence) -> None:
    """A button that proves; what it showed of another picture is taken away."""
    button = gr.Button(f"Prove how stable {network.name} is", variant="primary", elem_id="prove")
    text = gr.Markdown(elem_id="proof")
    plot = gr.LinePlot(
        x="degrees", y="distance", color="distance that is", height=260, visible=False, buttons=[]
    )

    def proven(drawn, right, up):
        picture = paper.read(drawn)
        if picture is None:
            raise ValueError("a digit must be drawn first")
        for proof in prove(network.module, shifted(picture, right, up)):
            table = proof.distances.melt("degrees", None, "distance that is", "distance")
            yield proof.text(), gr.LinePlot(table, visible=True)

    proving = button.click(told(proven), given, [text, plot], show_progress="hidden")
    gr.on(changes, lambda: ("", gr.LinePlot(visible=False)), None, [text, plot], cancels=proving)
