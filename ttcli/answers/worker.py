"""The program that asks math-verify: "ready" on stdout, then one JSON reply per line for each JSON question on stdin.

It is a process of its own because SymPy can hang or take all memory over a line that looks harmless, and only a process
can be stopped. It ends when its stdin ends, when it needs more memory than MEMORY, and, whatever becomes of its parent,
soon after the time for a question is over. Run as `python -m ttcli.answers.worker SECONDS`.
"""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import sys
from collections.abc import Callable

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
    same = _comparison()
    replies.write("ready\n")
    replies.flush()
    for line in sys.stdin:
        question = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, limit)
        reply = same(question["a"], question["b"])
        signal.setitimer(signal.ITIMER_REAL, 0)
        replies.write(json.dumps({"same": reply}) + "\n")
        replies.flush()


def _comparison() -> Callable[[str, str], bool]:
    """Load math-verify, which takes seconds, and return the question to ask it.

    Only LaTeX counts, not a number picked from prose; units were dealt with before. Its own timeouts, which rest on
    SIGALRM, are off.
    """
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import parse, verify
    from math_verify.parser import LatexExtractionConfig

    spelling = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none")
    latex = [LatexExtractionConfig(boxed_match_priority=-1, normalization_config=spelling)]

    def same(a: str, b: str) -> bool:
        first, second = (parse(f"${answer}$", latex, parsing_timeout=None) for answer in (a, b))
        orders = ((first, second), (second, first))
        return any(verify(gold, target, allow_set_relation_comp=True, timeout_seconds=None) for gold, target in orders)

    return same


if __name__ == "__main__":
    main()
