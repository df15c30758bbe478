"""Lists the commands and the studies: python -m training."""

import ast
import sys
from pathlib import Path

HERE = Path(__file__).parent


def first_line(file: Path) -> str:
    """Of a module's docstring, without importing it; "" if it has none."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def modules(*patterns: str) -> dict[str, str]:
    """{module: first line} of those files of the package that python -m runs."""
    found = {}
    for file in sorted(file for pattern in patterns for file in HERE.glob(pattern)):
        runs = 'if __name__ == "__main__":' in file.read_text(encoding="utf-8")
        if runs and file != Path(__file__):
            path = file.parent if file.name == "__main__.py" else file.with_suffix("")
            found[".".join(["training", *path.relative_to(HERE).parts])] = first_line(file)
    return found


COMMANDS = ("*.py", "*/__main__.py")
STUDIES = ("studies/*/*.py",)


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] not in ("--help", "-h", "-?"):
        word = sys.argv[1]
        print(f"error: unexpected argument {word!r}: python -m training.COMMAND", file=sys.stderr)
        sys.exit(2)
    parts = {"commands": modules(*COMMANDS), "studies": modules(*STUDIES)}
    width = max(len(name) for found in parts.values() for name in found)
    for title, found in parts.items():
        print(f"{title}, python -m ...:\n")
        for name, line in found.items():
            print(f"  {name:{width}}  {line}")
        print()
    print("--help behind any of them tells its flags; --report behind a study prints its tables.")


if __name__ == "__main__":
    main()
