"""Finds the law in a table of measurements: constants, exponents as fractions, units, reach.

The command of the library, `weirdonetworks fit_law`, by the name of its neighbours here.
"""

from weirdonetworks.commands import app
from weirdonetworks.commands.fit_law.__main__ import FLAGS, main

if __name__ == "__main__":
    app.run(main, FLAGS)
