"""The program that compares expressions, and looks for patterns: "ready" on stdout, then a JSON reply per line for each
JSON question on stdin.

It is a process of its own because a line that looks harmless can take long or much memory, and only a process can be
stopped. It ends when its stdin ends, when it needs more memory than MEMORY, and, whatever becomes of its parent, when a
question has taken so many seconds of processor time: a busy machine makes these no more and no fewer. Run as
`python -m ttcli.answers.worker SECONDS`.
"""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import sys
from collections.abc import Mapping

from ttcli.answers.compare import same
from ttcli.answers.form import matched
from ttcli.answers.normal import canonical

MEMORY = 2 * 2**30  # bytes of address space


def main() -> None:
    """Answer questions until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # the kernel's way to end it: Python may be busy in one long multiplication
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with contextlib.suppress(ValueError, OSError):  # the system has a lower limit, or none
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    limit = float(sys.argv[1])
    replies, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no reply
    replies.write("ready\n")
    replies.flush()
    for line in sys.stdin:
        question = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, limit)
        reply = _reply(question)
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _reply(question: Mapping[str, str]) -> dict[str, object]:
    if "form" in question:
        return {"found": matched(question["form"], question["text"])}
    return {"same": same(canonical(question["a"]), canonical(question["b"]))}


if __name__ == "__main__":
    main()
