"""What the shell can ask of the library: weirdonetworks COMMAND ... (or python -m weirdonetworks).

  classify  says which digit a picture shows
  fit_law   finds the law in a table of measurements

--help behind a command tells its flags.
"""

import importlib
import sys

COMMANDS = ("classify", "fit_law")
NEEDED = {"absl", "filelock", "matplotlib", "pandas", "pint", "scipy", "sklearn", "sympy", "tqdm"}


def main() -> None:
    """Runs the command that the first word names.

    Exit codes: those of the command (see `commands.app.run`); 2 for a word that names none.
    """
    words = sys.argv[1:]
    if not words or words[0] in ("--help", "-h", "-?"):
        print(__doc__.strip())
        return
    name = words[0].replace("-", "_")
    if name not in COMMANDS:
        known = " or ".join(COMMANDS)
        sys.exit(_fail(f"unknown command {words[0]!r}: weirdonetworks {known}", 2))
    sys.argv = [f"weirdonetworks {name}", *words[1:]]
    try:
        command = importlib.import_module(f"weirdonetworks.commands.{name}.__main__")
        from weirdonetworks.commands import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in NEEDED:
            raise
        told = "pip install 'weirdonetworks[commands]'"
        sys.exit(_fail(f"{error.name} must be installed: {told}", 1))
    app.run(command.main, command.FLAGS)


def _fail(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
