"""Makes the coefficients of `weirdonetworks.functional.iterates` from Kneser's superlogarithm.

python -m training.iterates

Half a minute.
"""

import os
from pathlib import Path

from weirdonetworks.commands import app
from weirdonetworks.commands.flags import define_path

# Found without importing the library, which may be in need of what is made here.
DEFAULT = Path(__file__).parents[2] / "weirdonetworks" / "functional" / "_kneser_coefficients.py"

FLAGS = app.Flags(__doc__)
_TARGET = define_path(
    "coefficients",
    "Where to write the module; over the one that the library imports by default.",
    FLAGS,
)


def main() -> None:
    from training.iterates.generate import generate

    path = Path(_TARGET.value or DEFAULT)
    if path.is_dir():
        raise ValueError(f"coefficients must be a file, got the folder {path}")
    temporary = path.with_name(f"{path.name}.new")
    temporary.touch()  # before the work: can it be written?
    temporary.write_text(generate(), encoding="utf-8")
    os.replace(temporary, path)
    print(f"written to  {path}")


if __name__ == "__main__":
    app.run(main, FLAGS)
