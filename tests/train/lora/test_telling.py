from __future__ import annotations

from collections.abc import Iterable, Sequence

from train.lora.made import pooled
from ttcli.errors import PromptTooLong
from ttcli.seams import StepScores
from ttcli.solution import Attempt, Prefix
from ttcli.train.lora.telling import Telling
from ttcli.verifier.arithmetic import Arithmetic

WRONG = ("2 + 2 = 4\n\n", "4 + 4 = 9\n\n", "9 + 9 = 19\n\n", "#### 19")
RIGHT = ("2 + 2 = 4\n\n", "#### 4")


class Short(Arithmetic):
    """One whose context holds two steps."""

    released: int = 0

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        if any(len(prefix.steps) > 2 for prefix in prefixes):
            raise PromptTooLong("four steps, and a context of two")
        return super().score(prefixes)

    def release(self, prefixes: Iterable[Prefix]) -> None:
        self.released += len([*prefixes])


def test_solutions_are_shown_up_to_the_first_step_that_the_verifier_doubts() -> None:
    told = Telling(Arithmetic(), 0.05).of(pooled((WRONG, False), (RIGHT, True)))
    assert told == {"".join(WRONG): Attempt(WRONG[0], WRONG[1]), "".join(RIGHT): Attempt("".join(RIGHT))}


def test_a_solution_that_is_too_long_for_the_verifier_is_shown_as_it_is_and_no_other() -> None:
    verifier, false = Short(), ("4 + 4 = 9\n\n", "#### 9")
    told = Telling(verifier, 0.05).of(pooled((WRONG, False), (false, False)))
    assert told == {"".join(WRONG): Attempt("".join(WRONG)), "".join(false): Attempt("", false[0])}
    assert verifier.released
