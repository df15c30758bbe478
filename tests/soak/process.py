"""Work in a forked child, which is ended at a chosen moment; what it said.

TensorFlow is imported before the fork, at 5 s once, and used after it alone: it has no threads yet.
"""

import mmap
import os
import pickle
import signal
import struct
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from weirdonetworks.commands import app

_CHANGES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir"}  # audit events, beside "open"
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
HANGS = 300  # seconds


class Moment(NamedTuple):
    """When a signal is sent: after some seconds, or at a change of a file in the folder.

    event: the number of the change, from 1: a file opened for writing, renamed, deleted, ...
    delay: seconds after it, so that it falls into what TensorFlow writes, too.
    share: of the content that is written before, where the change is a file that Python writes.
    """

    signal: int
    seconds: float | None = None
    event: int = 0
    delay: float = 0.0
    share: float | None = None

    def __str__(self) -> str:
        name = signal.Signals(self.signal).name
        if self.seconds is not None:
            return f"{name} after {self.seconds:.3f} s"
        more = f" + {1000 * self.delay:.2f} ms" if self.delay else ""
        more += f", {self.share:.0%} written" if self.share is not None else ""
        return f"{name} at change {self.event}{more}"


class Outcome(NamedTuple):
    """code: the exit code, -N for the signal N, None for what did not end."""

    code: int | None
    stdout: str
    stderr: str
    value: Any
    events: int
    seconds: float


class Child:
    """Does work() in a child, and watches what it changes in a folder."""

    def __init__(self, work: Callable[[], Any], folder: Path, moment: Moment | None = None):
        self._moment = moment
        self._files = [tempfile.TemporaryFile() for _ in range(3)]  # noqa: SIM115, `wait` closes them
        self._events = mmap.mmap(-1, 8)
        sys.stdout.flush(), sys.stderr.flush()
        self._start = time.monotonic()
        self._pid = os.fork()
        if not self._pid:
            self._live(work, str(folder))

    def wait(self) -> Outcome:
        """Waits for its end; what hangs is killed."""
        timed = self._moment and self._moment.seconds
        code, hangs = 0, False
        while True:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            passed = time.monotonic() - self._start
            if pid:
                code = os.waitstatus_to_exitcode(status)
                break
            if timed is not None and passed >= timed:
                os.kill(self._pid, self._moment.signal)
                timed = None
            if passed > HANGS and not hangs:
                hangs = True
                os.kill(self._pid, signal.SIGKILL)
            time.sleep(0.003)
        texts = []
        for file in self._files:
            file.seek(0)
            texts.append(file.read())
            file.close()
        (events,) = struct.unpack("q", self._events[:])
        value = pickle.loads(texts[2]) if texts[2] else None
        out, err = (text.decode(errors="replace") for text in texts[:2])
        return Outcome(None if hangs else code, out, err, value, events, passed)

    def _live(self, work: Callable[[], Any], folder: str) -> None:
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for descriptor, file in zip((1, 2), self._files, strict=False):
                os.dup2(file.fileno(), descriptor)
            self._watch(folder)
            pickle.dump(work(), self._files[2])
            self._files[2].flush()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        except KeyboardInterrupt:  # before or after the command's own
            print("error: interrupted", file=sys.stderr)
            code = 130
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(code)

    def _watch(self, folder: str) -> None:
        """Counts changes, and sends the signal at the one that was chosen."""
        moment, count, half = self._moment, 0, False
        write_bytes = Path.write_bytes

        def changes(event: str, arguments: tuple) -> bool:
            if event == "open":
                if not (arguments[2] or 0) & _WRITING:
                    return False
            elif event not in _CHANGES:
                return False
            return str(arguments[0]).startswith(folder)

        def hook(event: str, arguments: tuple) -> None:
            nonlocal count
            if not changes(event, arguments):
                return
            count += 1
            self._events[:] = struct.pack("q", count)
            if moment and count == moment.event and not half:
                if moment.delay:
                    threading.Timer(moment.delay, os.kill, (os.getpid(), moment.signal)).start()
                else:
                    os.kill(os.getpid(), moment.signal)

        def write(path: Path, content: bytes) -> int:
            nonlocal half
            if moment and moment.share is not None and count + 1 == moment.event:
                half = True
                write_bytes(path, content[: int(moment.share * len(content))])
                os.kill(os.getpid(), moment.signal)
            return write_bytes(path, content)

        Path.write_bytes = write
        sys.addaudithook(hook)


def call(work: Callable[[], Any], folder: Path, moment: Moment | None = None) -> Outcome:
    """Does work() in a child."""
    return Child(work, folder, moment).wait()


def command(main: Callable[..., None], flag_values: app.Flags, words: Sequence[str]) -> NoReturn:
    """Runs a command as its process would; ends in SystemExit."""
    sys.argv = ["soak", *words]
    app.run(main, flag_values)
