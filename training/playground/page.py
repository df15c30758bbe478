"""The page as a whole, and the server that shows it to this machine alone."""

import os
import tempfile
from collections.abc import Sequence

import gradio as gr

from training.playground import digits, iterates, laws
from weirdonetworks.commands.classify.classify import Network

HOST = "127.0.0.1"
LARGEST = "1mb"  # of an upload

# Fonts of the system: others would be loaded.
THEME = gr.themes.Default(
    primary_hue="teal",
    font=gr.themes.Font("system-ui"),
    font_mono=gr.themes.Font("monospace"),
)
CSS = """
.gradio-container { width: 100%; max-width: 1240px !important; margin: auto; }
.pixels img { image-rendering: pixelated; width: 100%; height: 100%; object-fit: contain; }
.formula .katex { font-size: 1.5em; }
"""


def build(networks: Sequence[Network]) -> gr.Blocks:
    """The page, on which digits are shown to these networks."""
    with gr.Blocks(title="weirdonetworks", analytics_enabled=False, fill_width=True) as page:
        with gr.Tab("Digits"):
            digits.show(networks)
        with gr.Tab("Between log and exp"):
            iterates.show()
        with gr.Tab("Laws"):
            laws.show()
    return page


def serve(networks: Sequence[Network], port: int) -> None:
    """Shows the page at http://127.0.0.1:PORT/ until it is interrupted.

    What is uploaded is deleted in the end.

    Raises:
      OSError: the port is not free.
    """
    with tempfile.TemporaryDirectory(prefix="playground-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        os.environ["no_proxy"] = HOST  # the server asks itself whether it is there
        page = build(networks)
        try:
            page.launch(
                server_name=HOST,
                server_port=port,
                share=False,
                ssr_mode=False,
                prevent_thread_lock=True,
                max_file_size=LARGEST,
                theme=THEME,
                css=CSS,
                footer_links=[],
                run_history=False,
                quiet=True,
            )
        except OSError as error:
            raise OSError(f"port must be free, got {port}: give another --port") from error
        print(f"playground at http://{HOST}:{port}/ until Ctrl-C", flush=True)
        page.block_thread()
