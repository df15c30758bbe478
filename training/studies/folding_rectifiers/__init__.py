"""Depth against width, on folds of a line."""
