"""The command fit_law: the law in a table of measurements."""
