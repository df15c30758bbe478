"""A law in other words: one file for each form, imported where `Law` is asked for it."""
