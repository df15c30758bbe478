"""Libraries without their chatter."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def stderr(expected: type[Exception] | tuple = ()) -> Iterator[None]:
    """Keeps what is written meanwhile from stderr, and shows it after an error that is unexpected.

    No setting reaches all that TensorFlow's libraries write to the file descriptor.
    """
    sys.stderr.flush()
    descriptor = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except expected:
            raise
        except BaseException:
            sys.stderr.flush()
            chatter.seek(0)
            os.write(descriptor, chatter.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(descriptor, 2)
            os.close(descriptor)
