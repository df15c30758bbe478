"""Kernel ridge regression by random features: how they are drawn."""
