"""The guardian of `pomona up`: it leads the group of all its processes and kills the group when its stdin closes.

A killed supervisor cannot end what it started; that the pipe which only it held closes is the kernel's doing.
"""

import os
import signal
import sys


def main() -> None:
    """Waits for the end of stdin. What the whole group may get, SIGTERM at an orderly end, does not end the watch."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
