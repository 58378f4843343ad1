"""The laboratory's task: a chain of one to eight operations, worked out one operation a step.

A problem is an expression such as `(6+12)*3*8+5+7`; its solution has a step for each operation, parted by blank lines,
and ends in `#### 444`. Two knobs make it hard: how many operations there are, and how large the operands are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice

MOST = 8  # operations
EASY = 0.5  # share of easy problems among those that are measured on
LEAST = 3  # operations of those; shorter ones are met by chance while one trains
HELD_SEED, HELD = 12345, 1000
_STEP = re.compile(r"(\d+)([-+*])(\d+)=(\d+)")
_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
}


@dataclass(frozen=True)
class Task:
    """One problem: its text, the steps of its solution (`6+12=18`), and its answer."""

    problem: str
    steps: tuple[str, ...]
    answer: str

    @property
    def solution(self) -> str:
        """The reference solution, as the policy is to write it."""
        return solution(self.steps, self.answer)


def solution(steps: tuple[str, ...], answer: str) -> str:
    """Steps and an answer as one text."""
    return "\n\n".join((*steps, f"#### {answer}"))


def draw(rng: random.Random, *, easy: float) -> Task:
    """One problem; `easy` is the share of those with small operands."""
    small = rng.random() < easy
    while True:
        size = rng.random()
        drawn = _chain(rng, rng.randint(2 if small else 1, MOST), size, small=small)
        if drawn is not None:
            return drawn


def _chain(rng: random.Random, length: int, size: float, *, small: bool) -> Task | None:
    """A chain of so many operations with operands up to 10 to the power of 1 + size, or 2; None: it grew too large."""
    highest, limit = int(10 ** (1 + (1 if small else 2) * size)), 999 if small else 9999
    value = rng.randint(1, highest)
    text, steps, factor = str(value), [], True
    for _ in range(length):
        operation = rng.choice("++--***")
        if operation != "*":
            operand = rng.randint(1, highest)
        elif small or rng.random() > size * 0.6:
            operand = rng.randint(2, 9)
        else:
            operand = rng.randint(11, 30)
        result = _OPERATIONS[operation](value, operand)
        if not 0 <= result <= limit:
            return None
        if operation == "*" and not factor:
            text = f"({text})"
        factor = operation == "*"
        text += f"{operation}{operand}"
        steps.append(f"{value}{operation}{operand}={result}")
        value = result
    return Task(text, tuple(steps), str(value))


def tasks(seed: int, *, easy: float, without: frozenset[str] = frozenset()) -> Iterator[Task]:
    """Problems without end, each once, none of those in `without`."""
    rng, seen = random.Random(seed), set(without)
    while True:
        task = draw(rng, easy=easy)
        if task.problem not in seen:
            seen.add(task.problem)
            yield task


@cache
def held() -> tuple[Task, ...]:
    """The problems that everything is measured on; nothing is ever trained on one of them."""
    return tuple(islice((task for task in tasks(HELD_SEED, easy=EASY) if len(task.steps) >= LEAST), HELD))


def first_fault(task: Task, steps: list[str]) -> int:
    """How many of the steps, the answer's line among them, are the reference's before the first that is not."""
    wanted = [*task.steps, f"#### {task.answer}"]
    for position, step in enumerate(steps):
        if position >= len(wanted) or step.strip() != wanted[position]:
            return position
    return len(steps)


def expected(task: Task, steps: list[str]) -> list[str]:
    """For each step the one that were right there, going on from the result that the step before states.

    What the task does not ask for is expected to be nothing.
    """
    value, wanted = "", []
    for position, step in enumerate(steps):
        if position < len(task.steps):
            wanted.append(_on_from(task.steps[position], value))
        else:
            wanted.append(f"#### {value or task.answer}" if position == len(task.steps) else "")
        _, _, value = step.strip().partition("=")
        value = value if value.isdecimal() else ""
    return wanted


def corrupted(rng: random.Random, task: Task, *, often: float = 0.0) -> tuple[str, ...]:
    """The steps of a solution that errs in a result, and in each other one so often, with the answer's line.

    It goes on from whatever it has found.
    """
    at = rng.randrange(len(task.steps))
    steps, value = [], ""
    for position, step in enumerate(task.steps):
        equation, _, value = _on_from(step, value).partition("=")
        value = _near(rng, int(value)) if position == at or rng.random() < often else value
        steps.append(f"{equation}={value}")
    return (*steps, f"#### {value}")


def _on_from(step: str, value: str) -> str:
    """A step of the reference with another number at its left; "": with the one it has."""
    found = _STEP.fullmatch(step)
    assert found is not None
    left, operation, right = value or found[1], found[2], found[3]
    return f"{left}{operation}{right}={max(0, _OPERATIONS[operation](int(left), int(right)))}"


def _near(rng: random.Random, exact: int) -> str:
    """Another number: a digit changed, a carry lost or won, off by a little, a digit too many or too few."""
    digits = str(exact)
    while True:
        kind = rng.random()
        if kind < 0.45:
            at = rng.randrange(len(digits))
            other = digits[:at] + str((int(digits[at]) + rng.choice((1, 1, 2, 5, 8, 9, 9))) % 10) + digits[at + 1 :]
        elif kind < 0.75:
            other = str(exact + rng.choice((-1, 1)) * 10 ** rng.randrange(len(digits)))
        elif kind < 0.95:
            other = str(exact + rng.randint(-20, 20))
        else:
            other = digits[:-1] if rng.random() < 0.5 else digits + str(rng.randrange(10))
        if other and other != digits and int(other) >= 0 and str(int(other)) == other:
            return other
