"""What the shell can ask of the library: see `python -m weirdonetworks`."""

from weirdonetworks.commands import startup

startup.begin()
