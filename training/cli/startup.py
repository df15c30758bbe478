"""What happens when training/ is imported: names of the past, and TensorFlow without its chatter.

A command answers --help and misspelt flags before TensorFlow, which takes seconds, is imported;
notebooks and scripts have it imported at once.
"""

import logging
import os
import re
import sys
import tempfile

# Commands of earlier versions, by what has taken their place.
MOVED = {
    "compare_activations": "studies.activations",
    "compare_cooking": "studies.cooking",
    "compare_gplearn": "studies.feynman.gplearn",
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
    "tabulate": "studies.zoo",
}


def begin() -> None:
    """Called once, when the package is imported."""
    if sys.argv[0] != "-m":  # while Python looks for a module that it shall run, argv[0] is this
        import_tensorflow()
        return
    name = next((word for word in sys.orig_argv if word.startswith("training.")), "")
    if new := MOVED.get(name.removeprefix("training.")):
        print(f"error: {name} is now training.{new}: python -m training.{new}", file=sys.stderr)
        raise SystemExit(2)


def import_tensorflow() -> None:
    """Imports TensorFlow quietly, if it is not there; `--verbosity=0` or higher lets it talk.

    So does TF_CPP_MIN_LOG_LEVEL=0 in the environment. absl's levels are -1 for warnings, 0 for
    info, 1 for debugging. What it writes is shown if the import fails.
    """
    if "tensorflow" in sys.modules:
        return
    levels = re.findall(r"(?<!\S)--?v(?:erbosity)?[= ](-?\d+)(?!\S)", " ".join(sys.argv[1:]))
    if not levels or int(levels[-1]) < 0:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") != "3":
        return
    # No setting reaches what its libraries write to the file descriptor while they are loaded:
    # they write it before they look at TF_CPP_MIN_LOG_LEVEL (TensorFlow 2.16 to 2.21).
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            chatter.seek(0)
            os.write(stderr, chatter.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
    # Its Python side, too: a table of many runs looks to it like one function traced many times.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
