"""What one problem of a run says: right or wrong, and at what cost, for every method and number of samples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.answers import CHECKER, grade, layer, majority
from ttcli.answers.normal import latex_of
from ttcli.bench.figures.cut import cut_outcome, cut_vote
from ttcli.bench.figures.revisions import Attempt, attempts_of
from ttcli.bench.store.config import RunConfig
from ttcli.bench.store.database import ODD
from ttcli.bench.store.samples import Facts, Score
from ttcli.bench.store.store import Result, Run, Store
from ttcli.bench.store.task import Task
from ttcli.data.dataset import Row
from ttcli.errors import UsageError
from ttcli.search.methods import parse_method
from ttcli.solution import AnswerKind, Candidate, Ended
from ttcli.stats.subsets import GradedSamples, random_pick, subset_limit, subset_vote


class Spending(NamedTuple):
    """A cost, in the mean over what could have been drawn."""

    generations: float = 0.0
    prompt_tokens: float = 0.0
    policy_tokens: float = 0.0
    verifier_tokens: float = 0.0
    shared_tokens: float = 0.0  # that a method without shared cells would have decoded besides
    flops: float = 0.0  # 2 x parameters x tokens; without the policy's where its parameters are not known
    seconds: float = 0.0  # of the machine

    @property
    def tokens(self) -> float:
        """All tokens that went through a model."""
        return self.prompt_tokens + self.policy_tokens + self.verifier_tokens


class Figure(NamedTuple):
    """A method on a problem."""

    accuracy: float  # in [0, 1]: over all subsets where it is a vote, else 0 or 1
    right: bool  # in the run as it was
    spending: Spending
    cut: float = 0.0  # in [0, 1]: no answer, because what it drew was cut; over all subsets where it is a vote


@dataclass(frozen=True, slots=True)
class Ratings:
    """A verifier's opinions of the samples; arrays have the shape (N,)."""

    scores: NDArray[np.float64]  # in [0, 1]; nan: not scored
    samples: GradedSamples | None  # the first `complete` ones with these scores; None: there are none
    complete: int  # so many of the first samples it was asked for a score, be it in vain, or they had no answer
    tokens: int  # for these, in all
    seconds: float  # for these, in all


class SampleCost(NamedTuple):
    """What all samples of a problem took."""

    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Settled:
    """What a method came to that is no vote over independent samples."""

    answer: str | None
    right: bool
    spending: Spending
    ungraded: bool = False  # whether its answer is right could not be found out
    attempts: tuple[Attempt, ...] = ()  # of its chains of revisions; (): it revises nothing
    chose: str | None = None  # the method that it chose; None: it is one that does not choose
    cut: bool = False  # it has no answer, because what it drew was cut


@dataclass(frozen=True, slots=True)
class ProblemFigures:
    """A problem of a run with all that is known of it."""

    position: int
    row: Row
    config: RunConfig
    facts: tuple[Facts, ...]  # of its independent samples, by number; no number left out
    drawn: SampleCost  # by all of them
    samples: GradedSamples | None  # None: there are none
    ratings: Mapping[str, Ratings]  # by what the user called the verifier
    settled: Mapping[str, Settled]  # by task
    failed: Mapping[str, str]  # task -> why
    ungraded: int  # of its samples and other results: whether they are right could not be found out
    subsets: int  # of its samples that are counted at most, for n of them
    _votes: dict[Task, Figure | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def figure(self, task: Task) -> Figure | None:
        """A method's figure; None while it is not done. A failure counts as wrong."""
        if task.pooled:
            if task not in self._votes:  # every table and group asks for it
                self._votes[task] = self._vote(task)
            drawn = self._votes[task]
            # a failure while many were drawn leaves the figures of fewer as they are
            return drawn or (Figure(0.0, False, Spending()) if self._failed_vote(task) else None)
        if task.key in self.failed:
            return Figure(0.0, False, Spending())
        settled = self.settled.get(task.key)
        return Figure(float(settled.right), settled.right, settled.spending, float(settled.cut)) if settled else None

    def failure(self, task: Task) -> str | None:
        """Why a task failed here, or another that was to draw what this one votes over; None: it did not."""
        figure = self.figure(task)
        if task.key in self.failed or (task.pooled and figure and not figure.spending.generations):
            return self.failed.get(task.key) or next(iter(self.failed.values()))
        return None

    def spending(self, n: int, verifier: str = "") -> Spending:
        """What n samples cost, and their ratings where a verifier is named."""
        prompt = self.facts[0].prompt_tokens
        per_sample = n / len(self.facts)
        rated = self.ratings.get(verifier)
        per_rated = n / rated.complete if rated and rated.complete else 0.0  # not all samples need have been rated
        policy = per_sample * self.drawn.tokens
        scoring = per_rated * rated.tokens if rated else 0.0
        parameters = self.config.verifiers[verifier].parameters if rated else 0
        return Spending(
            generations=n,
            prompt_tokens=prompt,
            policy_tokens=policy,
            verifier_tokens=scoring,
            shared_tokens=(n - 1) * prompt,
            flops=2.0 * (self.config.parameters * (prompt + policy) + parameters * scoring),
            seconds=per_sample * self.drawn.seconds + (per_rated * rated.seconds if rated else 0.0),
        )

    def rated(self, verifier: str, n: int) -> bool:
        """Whether the verifier was asked for a score of those of the first n samples that have an answer."""
        return not verifier or self.ratings[verifier].complete >= n

    def _vote(self, task: Task) -> Figure | None:
        n = int(task.budget.amount)
        samples, rule = self.samples, parse_method(task.method).vote
        if samples is None or rule is None or len(samples) < n or not self.rated(task.verifier, n):
            return None
        if task.verifier:
            samples = self.ratings[task.verifier].samples or samples
        if n == 1:  # a vote of one is that one
            accuracy, right = random_pick(samples), bool(samples.correct[0])
        else:
            accuracy, right = subset_vote(samples, n, rule, seed=self.config.seed, subsets=self.subsets)
        return Figure(accuracy, right, self.spending(n, task.verifier), cut_vote(self.facts, n))

    def _failed_vote(self, task: Task) -> bool:
        """Whether drawing, or scoring with the task's verifier, failed."""
        pooled = {other.key: other for other in self.config.tasks if other.pooled}
        return any(key in pooled and pooled[key].verifier in ("", task.verifier) for key in self.failed)


def check_graded(run: Run, figures: Iterable[ProblemFigures]) -> None:
    """Whether a run can be told as right and wrong.

    Raises:
        UsageError: its problems have no reference answers.
    """
    if all(problem.row.problem.answer is None for problem in figures):
        hint = f"ttc runs export {run.id}, or ttc show {run.id}"
        raise UsageError(f"run {run.id} was not graded: its problems have no reference answers", hint=hint)


def load_figures(store: Store, run: Run, *, position: int | None = None) -> list[ProblemFigures]:
    """The problems of a run, or one of them, from the store alone."""
    config = run.config
    facts = store.samples(config).facts(run.id, config.temperature, config.seed, config.depth, position=position)
    by_position = {at: [*group] for at, group in groupby(facts, key=lambda fact: fact.position)}
    settled: dict[int, dict[str, Settled]] = {}
    failed: dict[int, dict[str, str]] = {}
    rows = dict(enumerate(store.rows(run, position=position), position or 0))
    results = store.results(run, position=position)
    if position is None:
        CHECKER.remember(store.verdicts.all(layer()))
    elif config.kind is AnswerKind.SHORT:  # others are compared without mathematics
        compared = {latex_of(answer) for answer in _compared(rows.values(), facts, results)}
        CHECKER.remember(store.verdicts.among(compared, layer()))
    subsets = subset_limit(store.size(run))
    for result in results:
        if result.error is not None:
            failed.setdefault(result.position, {})[result.task] = result.error
        elif result.outcome is not None:
            reference = rows[result.position].problem.answer or ""
            try:
                outcome = _settled(result.outcome, reference, config.kind)
            except ODD as error:
                store.pass_over(f"what {result.task} came to on problem {result.position + 1} of run {run.id}", error)
            else:
                settled.setdefault(result.position, {})[result.task] = outcome
    figures = [
        _figures(at, row, config, by_position.get(at, ()), settled.get(at, {}), failed.get(at, {}), subsets)
        for at, row in rows.items()
    ]
    if not store.readonly:
        store.verdicts.add(CHECKER.verdicts, layer())  # those too that votes on the way asked for
    return figures


def _compared(rows: Iterable[Row], facts: Iterable[Facts], results: Iterable[Result]) -> Iterator[str]:
    """The answers that problems, their samples and what methods came to on them have."""
    yield from (row.problem.answer for row in rows if row.problem.answer)
    yield from (fact.answer for fact in facts if fact.answer is not None)
    for result in results:
        with suppress(*ODD):  # it is told of where it is graded
            content = json.loads(result.outcome or "{}")
            answers = [content["answer"], *(each["answer"] for each in content.get("candidates", ()))]
            yield from (answer for answer in answers if isinstance(answer, str))


def first_samples(figures: ProblemFigures, count: int) -> ProblemFigures:
    """A problem as if no more than so many of its independent samples were known."""
    return _figures(
        *(figures.position, figures.row, figures.config, figures.facts[:count]),
        *(figures.settled, figures.failed, figures.subsets),
    )


def _figures(
    position: int,
    row: Row,
    config: RunConfig,
    facts: Sequence[Facts],
    settled: Mapping[str, Settled],
    failed: Mapping[str, str],
    subsets: int,
) -> ProblemFigures:
    facts = _without_gaps(facts)
    verdicts = _verdicts(facts, row.problem.answer or "", config.kind)
    samples = _samples(facts, verdicts, config.kind) if facts else None
    ratings = {
        name: _ratings(facts, samples, [fact.scores.get(verifier.key) for fact in facts])
        for name, verifier in config.verifiers.items()
    }
    drawn = SampleCost(sum(each.tokens for each in facts), sum(each.seconds for each in facts))
    ungraded = sum(verdicts[each.answer] is None for each in facts) + sum(each.ungraded for each in settled.values())
    return ProblemFigures(
        position, row, config, tuple(facts), drawn, samples, ratings, settled, failed, ungraded, subsets
    )


def _without_gaps(facts: Sequence[Facts]) -> list[Facts]:
    """The samples up to the first number that is missing: a vote over those that happened to end early is biased."""
    return [each for number, each in enumerate(facts) if each.number == number]


def _verdicts(facts: Sequence[Facts], reference: str, kind: AnswerKind) -> dict[str | None, bool | None]:
    """By answer, whether it is right; None: that could not be found out."""
    return {answer: grade(answer, reference, kind) for answer in {fact.answer for fact in facts}}


def _samples(facts: Sequence[Facts], verdicts: Mapping[str | None, bool | None], kind: AnswerKind) -> GradedSamples:
    candidates = [Candidate(fact.number, "", fact.answer, Ended.STOP, fact.tokens, 0.0, kind=kind) for fact in facts]
    classes = np.full(len(facts), -1, np.int64)
    for number, vote in enumerate(majority(candidates).votes):
        classes[list(vote.members)] = number
    sure = np.array([fact.confidence for fact in facts], np.float64)  # None becomes nan
    return GradedSamples(classes, np.array([verdicts[fact.answer] is True for fact in facts]), confidence=sure)


def _ratings(facts: Sequence[Facts], samples: GradedSamples | None, scores: Sequence[Score | None]) -> Ratings:
    values = np.array([score.score if score else None for score in scores], np.float64)  # None becomes nan
    open_ones = (at for at, each in enumerate(scores) if each is None and facts[at].answer is not None)
    complete = next(open_ones, len(scores))
    given = [score for score in scores[:complete] if score]
    scored = samples.part(slice(complete), values) if samples and complete else None
    return Ratings(values, scored, complete, sum(each.tokens for each in given), sum(each.seconds for each in given))


def _settled(outcome: str, reference: str, kind: AnswerKind) -> Settled:
    content = json.loads(outcome)
    cost = {key: float(content["cost"][key]) for key in Spending._fields}
    verdict = grade(content["answer"], reference, kind)
    chose = content.get("chose")
    return Settled(
        content["answer"],
        verdict is True,
        Spending(**cost),
        verdict is None,
        attempts_of(content, reference, kind),
        chose["method"] if chose else None,
        cut_outcome(content),
    )
