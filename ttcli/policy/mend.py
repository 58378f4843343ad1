"""What repair would have made of solutions that are drawn already.

Each is cut at its first false result, the right one is written, and the policy goes on from there, as it would have
while it drew. What states nothing false would not have been touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ttcli.policy.repair import RepairingPolicy
from ttcli.policy.rewriting import rewritten_steps
from ttcli.problem import Problem
from ttcli.seams import BatchPolicy, Extend, Extension, Repairer
from ttcli.solution import Prefix, Repair, Step


class Cut(NamedTuple):
    """A solution up to its first false result, with the right one in its place."""

    solution: Prefix  # as it was drawn
    steps: tuple[Step, ...]  # what is left of it; the last one ends with the right number
    repair: Repair


def cut(solution: Prefix, repairer: Repairer) -> Cut | None:
    """A finished solution up to its first false result; None: it states none.

    What is left of a step has as many of its tokens as of its letters, since nobody knows which these were.
    """
    text = solution.text
    flaw = repairer.flaw(solution.problem, text, 0)
    if flaw is None:
        return None
    begin = tokens = 0
    for step in solution.steps:
        if begin + len(step.text) > flaw.start:
            letters = flaw.start - begin + len(flaw.right)
            tokens += max(1, round(step.tokens * letters / len(step.text)))
            break
        begin, tokens = begin + len(step.text), tokens + step.tokens
    steps = rewritten_steps(solution, flaw.start, flaw.right, tokens)
    return Cut(solution, steps, Repair(flaw.start, text[flaw.start : flaw.end], flaw.right, text[flaw.end :]))


def go_on(
    policy: BatchPolicy, repairer: Repairer, cuts: Sequence[Cut], seeds: Sequence[tuple[int, ...]]
) -> Iterator[tuple[int, Extension]]:
    """Solutions gone on with, as they come to their ends, each with where it stands among the cuts.

    Args:
        policy: draws what follows; one that does not mend by itself, and can go on from a text that has been changed.
        repairer: reads what follows too.
        cuts: those of one problem beside each other.
        seeds: of each.
    """
    problems = [one.solution.problem for one in cuts]
    left = Counter(problems)
    roots: dict[Problem, Prefix] = {}

    def requests() -> Iterator[Extend]:
        for one, problem, seed in zip(cuts, problems, seeds, strict=True):
            root = roots[problem] = roots.get(problem) or policy.start(problem)
            prefix = policy.resume(root, one.steps)
            yield Extend(replace(prefix, partial=True, repairs=(one.repair,)), seed)

    policy.expect([*left])
    for happenings in RepairingPolicy(policy, repairer).extend(requests()):
        for happening in happenings:
            if isinstance(happening, Extension):
                problem = problems[happening.request]
                left[problem] -= 1
                if not left[problem]:
                    policy.release([roots[problem]])
                yield happening.request, happening
