"""Tests of the library and of the training program."""
