"""Says which digit a picture shows: photographs of ink on paper, drawings, scans, of any size.

The command of the library, `weirdonetworks classify`, by the name of its neighbours here.
"""

from weirdonetworks.commands import app
from weirdonetworks.commands.classify.__main__ import FLAGS, main

if __name__ == "__main__":
    app.run(main, FLAGS)
