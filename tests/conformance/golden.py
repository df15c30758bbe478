"""Names, shapes and order of every module's variables, as a file to review.

`python -m tests.conformance.golden` writes variables.json anew. Old checkpoints and what refers
to variables by name no longer fit after a change to it, so such a change needs a reason.
"""

import json
import pathlib
from typing import Any

FILE = pathlib.Path(__file__).with_name("variables.json")


def description(entry) -> dict[str, Any]:
    """What the file says of one entry of the table."""
    module = entry.built()
    trainable = module.trainable_variables
    return {
        "variables": [f"{v.name} {v.shape.as_list()}" for v in module.variables],
        "trainable": len(trainable),
        "parameters": sum(v.shape.num_elements() for v in trainable),
    }


def read() -> dict[str, Any]:
    """What the file says."""
    return json.loads(FILE.read_text())


def main() -> None:
    """Writes the file."""
    from tests.conformance.table import TABLE

    table = {key: description(entry) for key, entry in TABLE.items()}
    FILE.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
