"""`ttc`, and `python -m ttcli`: what a signal does before the program has been read, then the program."""

import gc
import os
import signal
from types import FrameType

_OBJECTS = 50_000  # new ones, before Python looks for cycles: with its own 700, imports wait for that 80 times


def main() -> None:
    """Entry point of `ttc`."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    gc.set_threshold(_OBJECTS)
    from ttcli.cli.main import main as run

    run()


def _leave(number: int, _frame: FrameType | None) -> None:
    """End now: nothing has begun."""
    os.write(2, b"interrupted\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
