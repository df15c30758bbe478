"""Data sets, and random transformations of their images."""

from training.data.dataset import SPLITS, Dataset, Split
from training.data.sources import load

__all__ = ["SPLITS", "Dataset", "Split", "load"]
