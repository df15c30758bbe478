"""What the shell can ask of the library: weirdonetworks COMMAND ... (or python -m weirdonetworks).

  classify  says which digit a picture shows
  fit_law   finds the law in a table of measurements

--help behind a command tells its flags.
"""

import importlib.util
import sys

COMMANDS = ("classify", "fit_law")
# Packages of the extra `commands`, by the names that they are imported by.
NEEDED = {
    "absl": "absl-py",
    "filelock": "filelock",
    "matplotlib": "matplotlib",
    "pandas": "pandas",
    "pint": "pint",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "sympy": "sympy",
    "tqdm": "tqdm",
}


def main() -> None:
    """Runs the command that the first word names.

    Exit codes: those of the command (see `commands.app.run`), 1 for a package that is missing; 2
    for a word that names none.
    """
    words = sys.argv[1:]
    if not words or words[0] in ("--help", "-h", "-?"):
        print(__doc__.strip())
        return
    name = words[0].replace("-", "_")
    if name not in COMMANDS:
        known = " or ".join(COMMANDS)
        sys.exit(_fail(f"unknown command {words[0]!r}: weirdonetworks {known}", 2))
    # All of them now: some would be missed at the very end, when the work is done.
    missing = [NEEDED[module] for module in NEEDED if importlib.util.find_spec(module) is None]
    if missing:
        told = f"{', '.join(missing)} must be installed: pip install 'weirdonetworks[commands]'"
        sys.exit(_fail(told, 1))
    sys.argv = [f"weirdonetworks {name}", *words[1:]]
    command = importlib.import_module(f"weirdonetworks.commands.{name}.__main__")
    from weirdonetworks.commands import app

    app.run(command.main, command.FLAGS)


def _fail(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
