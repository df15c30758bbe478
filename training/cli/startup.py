"""What happens when training/ is imported: names of the past, and a quiet TensorFlow."""

import sys

from weirdonetworks.commands import startup

# Commands of earlier versions, by what has taken their place.
MOVED = {
    "compare_activations": "studies.activations",
    "compare_cooking": "studies.cooking",
    "compare_gplearn": "studies.feynman_others",
    "compare_modulation": "studies.modulation",
    "compare_steps": "studies.invariance_steps",
    "convex_fits": "studies.convex_fits",
    "extrapolate_functions": "studies.extrapolation",
    "extrapolate_product": "studies.arithmetic",
    "generate_iterates": "iterates",
    "grow_posynomials": "studies.posynomial_growth",
    "learn_operations": "studies.sum_or_product",
    "rainbow_widths": "studies.rainbow_widths",
    "recover_laws": "studies.feynman",
    "study_autoactivation": "studies.autoactivation",
    "studies.feynman_gplearn": "studies.feynman_others",
    "tabulate": "studies.zoo",
}


def begin() -> None:
    """Called once, when the package is imported.

    Raises:
      SystemExit: what Python shall run has another name now.
    """
    if sys.argv[0] == "-m":  # while Python looks for a module that it shall run
        name = next((word for word in sys.orig_argv if word.startswith("training.")), "")
        if new := MOVED.get(name.removeprefix("training.")):
            print(f"error: {name} is now training.{new}: python -m training.{new}", file=sys.stderr)
            raise SystemExit(2)
    startup.begin()
