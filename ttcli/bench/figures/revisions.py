"""What revising does, attempt by attempt: how many are right, and which way they turn (Snell et al. 2024, s. 6.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ttcli.answers import is_correct
from ttcli.solution import AnswerKind
from ttcli.stats.intervals import Interval, wilson


class Attempt(NamedTuple):
    """An attempt in a chain of revisions."""

    chain: int
    place: int  # in the chain, from 0
    right: bool


class Share(NamedTuple):
    """How many of some attempts."""

    number: int
    of: int

    @property
    def value(self) -> float | None:
        """In [0, 1]; None: of none."""
        return self.number / self.of if self.of else None

    @property
    def interval(self) -> Interval | None:
        """Wilson, 95 %, as if all were independent: those of one problem are not, so it is rather too narrow."""
        return wilson(self.number, self.of) if self.of else None


@dataclass(frozen=True, slots=True)
class RevisionStep:
    """The attempts at one place of their chains, over problems."""

    place: int  # from 0
    right: Share  # of all there: pass@1
    spoiled: Share  # wrong, of those whose chain was right before it
    mended: Share  # right, of those whose chain was wrong before it


def attempts_of(outcome: Mapping[str, Any], reference: str, kind: AnswerKind = AnswerKind.SHORT) -> tuple[Attempt, ...]:
    """The attempts that the record of an outcome tells of; () where nothing was revised."""
    told = [each for each in outcome["candidates"] if each.get("chain") is not None]
    correct = {answer: is_correct(answer, reference, kind) for answer in {each["answer"] for each in told}}
    return tuple(Attempt(each["chain"], each["attempt"], correct[each["answer"]]) for each in told)


def revision_steps(problems: Iterable[Sequence[Attempt]]) -> tuple[RevisionStep, ...]:
    """The attempts of all problems by their places; an attempt is compared with the one before it in its chain."""
    pairs: dict[int, list[tuple[bool | None, bool]]] = {}  # by place: whether the one before was right, and it
    for attempts in problems:
        known = {(attempt.chain, attempt.place): attempt.right for attempt in attempts}
        for (chain, place), right in known.items():
            pairs.setdefault(place, []).append((known.get((chain, place - 1)), right))
    return tuple(_step(place, pairs[place]) for place in sorted(pairs))


def _step(place: int, pairs: Sequence[tuple[bool | None, bool]]) -> RevisionStep:
    after_right = [now for before, now in pairs if before is True]
    after_wrong = [now for before, now in pairs if before is False]
    return RevisionStep(
        place,
        Share(sum(now for _, now in pairs), len(pairs)),
        Share(after_right.count(False), len(after_right)),
        Share(after_wrong.count(True), len(after_wrong)),
    )
