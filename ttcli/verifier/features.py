"""What can be seen of a solution without a model's states: twelve numbers, for every prefix of it.

A number that is not known is nan: log-probabilities that a server does not tell, the answer of a solution that is not
finished. Their weights are learnt, see `ttc train verifier`; as names they stand in heads, so they keep their meaning.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ttcli.answers.final import answer_of
from ttcli.answers.numerals import Number, number
from ttcli.solution import Ended, Prefix
from ttcli.verifier.arithmetic import Equation, by_step
from ttcli.verifier.arithmetic.lexer import tokens

FEATURES = (
    "mean_logprob",  # per token so far
    "states_false",  # 1 where a false equation stands
    "states_checked",  # 1 where an equation stands that can be checked
    "log_tokens",
    "steps",
    "question_numbers",  # the share of the question's numbers that stand in it
    "answer_whole",  # 1 where its answer is a whole number
    "answer_negative",
    "answer_no_number",
    "answer_in_question",  # 1 where its answer is a number of the question
    "numbers_computed",  # the share of the question's numbers that an equation computes with
    "results_unused",  # the share of results, but for the one it comes to, that no equation below computes with
)

_OF_ANSWER = [at for at, name in enumerate(FEATURES) if name.startswith("answer_")]


def visible(prefix: Prefix) -> NDArray[np.float64]:
    """The features of a prefix down to each of its steps: [steps, len(FEATURES)]."""
    steps = prefix.steps
    rows = np.full((len(steps), len(FEATURES)), np.nan)
    if not steps:
        return rows
    asked = _numbers(prefix.problem.text)
    answer = answer_of(prefix) if prefix.ended is not Ended.OPEN else None
    comes_to = number(answer) if answer is not None else None
    flow = _Flow(asked)
    seen: frozenset[Fraction] = frozenset()
    drawn, logprob = 0, 0.0
    for at, (step, equations) in enumerate(zip(steps, by_step([step.text for step in steps]), strict=True)):
        drawn += step.tokens
        logprob += math.nan if step.logprob is None else step.logprob
        seen |= asked & _numbers(step.text)
        for equation in equations:
            flow.follow(equation)
        finished = at + 1 == len(steps) and comes_to is not None
        rows[at] = (
            logprob / max(drawn, 1),
            flow.false,
            flow.last is not None,
            math.log(max(drawn, 1)),
            at + 1,
            len(seen) / len(asked) if asked else math.nan,
            *[math.nan] * len(_OF_ANSWER),
            len(flow.computed) / len(asked) if asked else math.nan,
            flow.unused(comes_to if finished else flow.last),
        )
    if answer is not None:
        rows[-1, _OF_ANSWER] = _told_by(comes_to, asked)
    return rows


class _Flow:
    """What becomes of the numbers of a question, and of results, equation by equation.

    Operands are numbers as they are written, without sign and a fraction by its parts: -5 and 3/4 count as unused.
    """

    def __init__(self, asked: frozenset[Fraction]) -> None:
        self.false = False  # whether one was
        self.last: Fraction | None = None  # result
        self.computed: set[Fraction] = set()  # numbers of the question that were computed with
        self._asked = asked
        self._results: Counter[Number | None] = Counter()
        self._unused: Counter[Number | None] = Counter()  # of these, those that no equation below them computes with

    def follow(self, equation: Equation) -> None:
        """Go on by an equation."""
        self.false |= not equation.holds
        self.last = equation.stated
        for operand in equation.operands:
            self._unused.pop(operand, None)
            if operand in self._asked:
                self.computed.add(operand)
        self._results[equation.stated] += 1
        self._unused[equation.stated] += 1

    def unused(self, comes_to: Number | None) -> float:
        """The share of results, but for the one that it comes to, that nothing goes on from; nan: there are none."""
        others, unused = (counts.total() - counts[comes_to] for counts in (self._results, self._unused))
        return unused / others if others else math.nan


def _told_by(answer: Number | None, asked: frozenset[Fraction]) -> tuple[float, float, float, float]:
    if not isinstance(answer, Fraction):
        return 0.0, 0.0, 1.0, 0.0
    return float(answer.denominator == 1), float(answer < 0), 0.0, float(answer in asked)


@lru_cache(maxsize=4096)  # a search asks again about the steps above, for every step that is drawn
def _numbers(text: str) -> frozenset[Fraction]:
    """The values of all numbers that stand in a text."""
    return frozenset(token.value for token in tokens(text) if token.kind == "number")


def depths(steps: int) -> tuple[int, int, int, int]:
    """The steps, from 0, with which 25, 50, 75 and 100 % of so many are there."""
    first, second, third, last = (max(math.ceil(steps * quarter / 4), 1) - 1 for quarter in (1, 2, 3, 4))
    return first, second, third, last


def known_features(names: Sequence[str]) -> None:
    """That this version knows these features.

    Raises:
        ValueError: it does not.
    """
    unknown = [name for name in names if name not in FEATURES]
    if unknown:
        raise ValueError(f"it looks at {', '.join(unknown)}, which this version does not know")
