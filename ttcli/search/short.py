"""short-m@k (Hassid et al. 2025, arXiv 2505.17813): of k thoughts side by side the m that end first are voted upon.

Long thoughts are more often wrong than short ones of the same problem, and cost more. k is the budget, and a text of a
model that does not think counts as its own thought: the first m to end are voted upon. What had been drawn of the
others is charged, and they are no candidates. Ties go to the answer with the shortest thought.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace

from ttcli.answers import vote
from ttcli.cost import Budget, Meter, Unit
from ttcli.errors import UsageError
from ttcli.events import CandidateFinished, Event
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension, Policy, Verifier
from ttcli.search.best_of_n import scored_by
from ttcli.search.parameters import BEAMS, Setting, read_settings, whole
from ttcli.search.parts import Part, Parts
from ttcli.search.sampling import Count, begin, candidate, conclude
from ttcli.solution import Candidate, Ended, Prefix

FIRST = 3  # m, the paper's choice


@dataclass(frozen=True, slots=True)
class ShortParameters:
    """How many thoughts are waited for."""

    m: int = FIRST  # at least 1

    def turned(self, name: str, settings: str) -> ShortParameters:
        """These with what a user wrote after the name of the method.

        Raises:
            UsageError: a setting that the method does not have or that is given twice, a value that cannot be.
        """
        return replace(self, **read_settings(name, settings, _SETTINGS))

    def text(self, usual: ShortParameters) -> str:
        """The settings that differ from the usual ones, as `turned` reads them; "" where none does."""
        return "" if self == usual else f"m={self.m}"

    def sizes(self, name: str, budget: Budget) -> Mapping[str, int]:
        """The arguments of the method: `thoughts` and the `first` that count.

        Raises:
            UsageError: fewer thoughts than are waited for.
        """
        thoughts = int(budget.amount) if budget.unit is Unit.GENERATIONS else BEAMS
        if self.m > thoughts:
            raise UsageError(
                f"{name} waits for the first {self.m} thoughts, and a budget of {budget} has {thoughts}",
                hint=f"--budget {2 * self.m}, or --method {name}:m={thoughts}",
            )
        return {"thoughts": thoughts, "first": self.m}

    def beside(self, name: str, budget: Budget) -> int:
        """Prefixes that are held: thoughts that have ended wait for others; raises as `sizes` does."""
        return int(self.sizes(name, budget)["thoughts"])

    @property
    def stepwise(self) -> bool:
        """Whether it is about a search that draws and scores step by step."""
        return False


_SETTINGS = {"m": Setting(whole, "a whole number from 1 on", f"{FIRST}")}


def short(problem: Problem, policy: Policy, meter: Meter, *, seed: int, thoughts: int, first: int) -> Iterator[Event]:
    """Draw so many thoughts, let the `first` to end speak, and vote among these; ties go to the shortest thought."""
    yield from _short(problem, policy, None, meter, seed=seed, thoughts=thoughts, first=first)


def short_scored(
    problem: Problem, policy: Policy, verifier: Verifier, meter: Meter, *, seed: int, thoughts: int, first: int
) -> Iterator[Event]:
    """The same with a verifier: the answer with the largest sum of scores wins."""
    yield from _short(problem, policy, verifier, meter, seed=seed, thoughts=thoughts, first=first)


def _short(
    problem: Problem,
    policy: Policy,
    verifier: Verifier | None,
    meter: Meter,
    *,
    seed: int,
    thoughts: int,
    first: int,
) -> Iterator[Event]:
    count = vote.shortest if verifier is None else scored_by(vote.weighted)
    root = policy.start(problem)
    begin(root, policy, meter)
    parts = Parts(problem, policy, meter, seed=seed)
    parts.held.append(root)
    try:
        ended = yield from _think(root, parts, meter, thoughts, first)
        candidates = yield from _speak(ended, parts, count, verifier)
    finally:
        parts.release()
        if verifier is not None:
            verifier.release([root])
    yield from conclude(candidates, count, meter)


def _think(
    root: Prefix, parts: Parts, meter: Meter, thoughts: int, first: int
) -> Generator[Event, None, dict[int, Prefix]]:
    """The prefixes of the first thoughts to end, by index; where fewer do, what there is of the others too."""
    ended: dict[int, Prefix] = {}
    broken: dict[int, Prefix] = {}  # off, by a limit or the budget

    def wanted() -> Iterator[Part | None]:
        for index in range(thoughts):
            while not meter.admits(list(parts.under_way.values())):
                yield None
            parts.begin(index)
            yield Part(index, Extend(root, parts.key(index), until="thought"))

    def heard(part: Part, extension: Extension) -> None:
        thought = extension.prefix.thought
        if extension.prefix.ended is Ended.CUT or (thought is not None and not thought.closed):
            broken[part.candidate] = extension.prefix
        elif len(ended) < first:
            ended[part.candidate] = extension.prefix

    yield from parts.draw(wanted(), heard, enough=lambda: len(ended) >= first)
    ended |= broken if len(ended) < first else {}
    for index in [index for index in parts.under_way if index not in ended]:
        called_off = candidate(index, replace(root, ended=Ended.CUT))
        yield CandidateFinished(replace(called_off, tokens=parts.under_way.pop(index)))
    return ended


def _speak(
    ended: Mapping[int, Prefix], parts: Parts, count: Count, verifier: Verifier | None
) -> Generator[Event, None, list[Candidate]]:
    """What comes of the thoughts; a text that had none has come to its end with the others."""
    whole_ones = {index: prefix for index, prefix in ended.items() if prefix.ended is not Ended.OPEN}
    open_ones = [(index, prefix) for index, prefix in sorted(ended.items()) if index not in whole_ones]
    wanted = (Part(index, Extend(prefix, parts.key(index))) for index, prefix in open_ones)
    yield from parts.draw(wanted, lambda part, extension: whole_ones.update({part.candidate: extension.prefix}))
    candidates: list[Candidate] = []
    for index, prefix in sorted({**ended, **whole_ones}.items()):
        prefix = prefix if prefix.ended is not Ended.OPEN else replace(prefix, ended=Ended.CUT)
        candidates.append((yield from parts.finish(index, prefix, candidates, count, verifier)))
    return candidates
