"""How far a study is: a bar for who watches, a line for each trial in a log."""

import sys
import time

from tqdm import tqdm


class Progress:
    """Counts trials, on stderr."""

    def __init__(self, name: str):
        self._name, self._done, self._total, self._began = name, 0, 0, time.monotonic()
        self._bar = tqdm(total=0, desc=name, unit="trial", disable=None)

    def more(self, number: int) -> None:
        """So many more are asked for."""
        self._total += number
        self._bar.total = self._total
        self._bar.refresh()

    def found(self, number: int) -> None:
        """So many were done before: they tell nothing of the time that is left."""
        self._done += number
        self._bar.n = self._bar.initial = self._bar.n + number
        self._bar.refresh()

    def done(self, told: str) -> None:
        """One is done."""
        self._done += 1
        self._bar.set_postfix_str(told, refresh=False)
        self._bar.update()
        if self._bar.disable:
            seconds = time.monotonic() - self._began
            line = f"{self._name}: {self._done} of {self._total} trials, {seconds:.0f} s: {told}"
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()
