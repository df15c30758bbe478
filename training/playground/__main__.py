"""Shows networks, iterates of exp and laws on a page: digits are drawn, tables uploaded.

python -m training.playground

A digit is drawn with the mouse, turned and shifted, and every published network says what it is; a
slider goes from log by the identity to exp; a table becomes a law. The page is for this machine
alone (127.0.0.1) and loads nothing from elsewhere.
"""

from absl import flags

from weirdonetworks.commands import app

FLAGS = app.Flags(__doc__)
_PORT = flags.DEFINE_integer("port", 7860, "Where the page is.", 1, 65535, flag_values=FLAGS)


def main() -> None:
    from training.playground.page import serve
    from weirdonetworks.commands.classify.classify import networks

    serve(networks("all", "mnist"), _PORT.value)


if __name__ == "__main__":
    app.run(main, FLAGS)
