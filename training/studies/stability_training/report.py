"""A first look."""

from training.experiments import Report


def report(results):
    """The rows."""
    return Report({"runs": results["runs"]})
