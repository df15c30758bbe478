"""What the shell can ask of the library: see `python -m weirdonetworks`."""
