"""The program that compares expressions: "ready" on stdout, then a JSON reply per line for each JSON question on stdin.

It is a process of its own because a line that looks harmless can take long or much memory, and only a process can be
stopped. It ends when its stdin ends, when it needs more memory than MEMORY, and, whatever becomes of its parent, soon
after the time for a question is over. Run as `python -m ttcli.answers.worker SECONDS`.
"""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import sys

from ttcli.answers.compare import same
from ttcli.answers.normal import canonical

MEMORY = 2 * 2**30  # bytes of address space
_GRACE = 1.0  # seconds, after which it ends itself where its parent has not done so


def main() -> None:
    """Answer questions until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(
        signal.SIGALRM, signal.SIG_DFL
    )  # the kernel's way to end it: Python may be busy in one long multiplication
    with contextlib.suppress(ValueError, OSError):  # the system has a lower limit, or none
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    limit = float(sys.argv[1]) + _GRACE
    replies, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no reply
    replies.write("ready\n")
    replies.flush()
    for line in sys.stdin:
        question = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, limit)
        reply = same(canonical(question["a"]), canonical(question["b"]))
        signal.setitimer(signal.ITIMER_REAL, 0)
        replies.write(json.dumps({"same": reply}) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
