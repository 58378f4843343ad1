"""Candidates of one problem, as many as asked for and as the budget allows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ttcli.answers.final import answer_of, kind_of
from ttcli.cost import Cost, Meter, Unit
from ttcli.errors import PromptTooLong
from ttcli.events import (
    CandidateFinished,
    CandidateScored,
    CandidateStarted,
    CandidateToken,
    CostUpdated,
    Event,
    Outcome,
    RunFinished,
    TextMended,
    VoteUpdated,
)
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension, Interrupted, Mended, Policy, Verifier, writer
from ttcli.solution import AnswerKind, Candidate, Ended, Node, Prefix, Step
from ttcli.tally import Tally
from ttcli.thought import clean

Count = Callable[[Sequence[Candidate]], Tally]


@dataclass(frozen=True, slots=True)
class CandidateStart:
    """A candidate to be begun."""

    index: int
    prefix: Prefix  # it grows from
    chain: int | None = None  # see Candidate
    attempt: int | None = None
    keep: bool = False  # see Extend


def draw(
    root: Prefix,
    policy: Policy,
    meter: Meter,
    *,
    count: Count,
    seed: int,
    before: Sequence[Candidate] = (),
    limit: int | None = None,
    temperature: float | None = None,
    verifier: Verifier | None = None,
) -> Generator[Event, None, list[Candidate]]:
    """Draw independent candidates to their answers, after those drawn `before`; return the new ones by index.

    Ends after `limit` candidates, or when the meter admits no more. Candidate i draws from the generator keyed by
    (seed, problem, i), whatever else is going on. Each is scored by the verifier, if there is one, and voted upon as it
    finishes.
    """
    under_way: dict[int, int] = {}
    if verifier is not None and not before and meter.budget.unit is Unit.TOKENS and _is_paid(verifier, root):
        meter.expect_scoring()

    def starts() -> Iterator[CandidateStart | None]:
        first = len(before)
        for index in itertools.count(first) if limit is None else range(first, first + limit):
            while not meter.admits(list(under_way.values())):
                yield None
            yield CandidateStart(index, root)

    return (
        yield from grow(
            starts(),
            under_way,
            policy,
            meter,
            count=count,
            seed=seed,
            before=before,
            temperature=temperature,
            verifier=verifier,
        )
    )


def grow(  # over 60 lines: one loop over what happens, in the order in which it is told
    starts: Iterable[CandidateStart | None],
    under_way: dict[int, int],
    policy: Policy,
    meter: Meter,
    *,
    count: Count,
    seed: int,
    before: Sequence[Candidate],
    temperature: float | None = None,
    verifier: Verifier | None = None,
    ended: Callable[[CandidateStart, Prefix], None] = lambda _start, _prefix: None,
    told: Callable[[Candidate], None] = lambda _candidate: None,
) -> Generator[Event, None, list[Candidate]]:
    """Draw the candidates of these starts, of which None means "none now"; return them by index.

    `under_way` is kept up to date for whoever decides on the next start: tokens of those that grow, by index. `ended`
    is told of each before the next start is asked for, and so is `told`, with its score.
    """
    begun: list[CandidateStart] = []  # by number of their requests
    opened: list[int] = []
    drawn: list[Candidate] = []

    def requests() -> Iterator[Extend | None]:
        for start in starts:
            if start is None:
                yield None
                continue
            under_way[start.index] = 0
            begun.append(start)
            opened.append(start.index)
            meter.add(Cost(generations=1))
            key = (seed, start.prefix.problem.key, start.index)
            yield Extend(start.prefix, seed=key, temperature=temperature, keep=start.keep)

    for happenings in policy.extend(requests(), stop=lambda tokens: not meter.allows(tokens)):
        events: list[Event] = [*map(CandidateStarted, opened)]  # told when `ended` knows of all: a reader may leave
        opened.clear()
        finished: list[tuple[Candidate, Prefix]] = []
        grown, flops = 0, 0.0
        for happening in happenings:
            start = begun[happening.request]
            more = 1
            if isinstance(happening, Extension):
                more = happening.tokens - under_way.pop(start.index)  # not all of them need have been seen to grow
                meter.add(Cost(shared_tokens=happening.shared))
                ended(start, happening.prefix)
                new = candidate(start.index, happening.prefix)
                finished.append((replace(new, chain=start.chain, attempt=start.attempt), happening.prefix))
            elif isinstance(happening, Mended):
                more = happening.tokens
                under_way[start.index] += more
                events.append(TextMended(start.index, None, happening.repair))
            else:
                under_way[start.index] += 1
                events.append(CandidateToken(start.index, happening.text, happening.thought))
            grown += more
            flops += 2.0 * writer(policy, start.prefix) * more
        meter.add(Cost(policy_tokens=grown, flops=flops))
        yield from events
        for one, prefix in finished:
            if one.ended is not Ended.CUT:
                meter.finished(one.tokens)
            yield CandidateFinished(one)
            drawn.append((yield from scored(one, prefix, verifier, meter)))
            told(drawn[-1])
            yield VoteUpdated(count([*before, *drawn]))
        yield CostUpdated(meter.total())
    return sorted(drawn, key=lambda one: one.index)


def _is_paid(verifier: Verifier, root: Prefix) -> bool:
    """Whether a verifier's own model reads what it scores, as far as can be told before there is anything to score."""
    probe = replace(root, steps=(Step("1", 1, None),), ended=Ended.STOP)
    try:
        return verifier.price([probe]) > 0
    finally:
        verifier.release([probe])


def begin(root: Prefix, policy: Policy, meter: Meter) -> None:
    """Count the prompt, which is decoded once however many candidates grow from it."""
    tokens = root.prompt_tokens
    meter.add(Cost(prompt_tokens=tokens, flops=2.0 * policy.parameters * tokens))


def conclude(
    candidates: Sequence[Candidate], count: Count, meter: Meter, *, tree: Sequence[Node] = ()
) -> Iterator[Event]:
    """The last vote, and what the run came to."""
    ballot = count(candidates)
    yield VoteUpdated(ballot)
    leader = ballot.leader
    answer = leader.answer if leader else None
    yield RunFinished(Outcome(answer, ballot, tuple(candidates), meter.total(), meter.stopped, tuple(tree)))


def candidate(index: int, prefix: Prefix) -> Candidate:
    """A solution as it takes part in the vote."""
    return answering(index, prefix, answer_of(prefix), kind_of(prefix.problem.form))


def answering(index: int, prefix: Prefix, answer: str | None, kind: AnswerKind) -> Candidate:
    """The same, where its answer is known."""
    thought = prefix.thought
    return Candidate(
        index,
        prefix.text,
        answer,
        prefix.ended,
        prefix.tokens,
        prefix.logprob,
        kind=kind,
        thought=clean(thought.text) if thought else None,
        thought_tokens=thought.tokens if thought else 0,
        thought_open=thought is not None and not thought.closed,
        certainty=prefix.certainty,
        repairs=prefix.repairs,
    )


def scored(
    drawn: Candidate, prefix: Prefix, verifier: Verifier | None, meter: Meter
) -> Generator[Event, None, Candidate]:
    """The candidate with its score; without one where it could not be scored, or has no answer to vote for.

    A verifier of finished solutions alone goes by what they do, and is asked of all that are: for an answer or without.
    """
    if verifier is None or (drawn.answer is None and (verifier.partial or drawn.ended is not Ended.STOP)):
        return drawn
    price = verifier.price([prefix])
    if price and not meter.allows(price):
        return drawn
    try:
        opinion = verifier.score([prefix])[0]
    except (Interrupted, PromptTooLong):
        return drawn
    meter.add(Cost(verifier_tokens=opinion.tokens, flops=2.0 * verifier.parameters * opinion.tokens))
    meter.scored(opinion.tokens)
    known = replace(drawn, score=opinion.score, step_scores=opinion.steps)
    yield CandidateScored(known)
    return known


def scored_text(
    drawn: Candidate, problem: Problem, verifier: Verifier | None, meter: Meter
) -> Generator[Event, None, Candidate]:
    """The same of a candidate of which the policy holds nothing any more; the problem is the caller's to release."""
    spoken = drawn.tokens - drawn.thought_tokens
    steps = (Step(drawn.text, spoken, drawn.logprob, certainty=drawn.certainty),)
    prefix = Prefix(problem, 0, steps=steps, ended=drawn.ended)
    return (yield from scored(drawn, prefix, verifier, meter))
