"""Looks for the best network of at most so many numbers, on any data set."""
