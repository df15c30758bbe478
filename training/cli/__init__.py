"""The command line: flags of each command's own, one-line errors, quick help."""
