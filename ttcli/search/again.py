"""Candidates that ended without an answer are asked for it: each goes on from words that leave nothing else to say.

The reasoning is mostly there, and only the box is missing; a few tokens each make votes of such candidates.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

from ttcli.answers.extract import extract_answer
from ttcli.answers.final import answer_of
from ttcli.answers.question import Question
from ttcli.answers.thinking import thinks_on
from ttcli.cost import Cost, Meter
from ttcli.errors import PromptTooLong
from ttcli.events import CandidateFinished, CostUpdated, Event, Outcome, VoteUpdated
from ttcli.problem import Problem
from ttcli.seams import ASK, BOX_TOKENS, AskingPolicy, Extend, Extension, Verifier
from ttcli.search.sampling import Count, begin, scored_text
from ttcli.solution import Candidate, Ended, Prefix, Step

_ENOUGH = 0.5  # of those that ended: where so many have an answer, the others are left alone
_CLOSE = "\n</think>"


def ask_again(
    outcome: Outcome,
    problem: Problem,
    policy: AskingPolicy,
    verifier: Verifier | None,
    meter: Meter,
    *,
    count: Count,
    seed: int,
) -> Generator[Event, None, Outcome]:
    """The outcome with the answers that candidates give when they are asked again, where most ended without one.

    Only a question with a short answer is asked again, and only within the budget. Answers are drawn at temperature 0.
    """
    ended = [candidate for candidate in outcome.candidates if candidate.ended in (Ended.STOP, Ended.LENGTH)]
    silent = [each for each in ended if each.answer is None]
    if not _has_short_answer(problem) or len(ended) - len(silent) >= _ENOUGH * len(ended):
        return outcome
    before = meter.total()
    try:
        again = yield from _asked(silent, problem, policy, meter, seed=seed)
    except PromptTooLong:
        return outcome
    candidates = list(outcome.candidates)
    for at, each in enumerate(candidates):
        if new := again.get(each.index):
            yield CandidateFinished(new)
            rated = replace(new, score=None, step_scores=())  # what was thought of it without an answer is no use now
            candidates[at] = new if new.answer is None else (yield from scored_text(rated, problem, verifier, meter))
    if verifier is not None:
        verifier.release([Prefix(problem, 0)])
    pruned = {node.number for node in outcome.tree if node.pruned}
    ballot = count([candidate for candidate in candidates if candidate.node is None or candidate.node not in pruned])
    yield VoteUpdated(ballot)
    cost = outcome.cost + (meter.total() - before)
    yield CostUpdated(cost)
    answer = ballot.leader.answer if ballot.leader else None
    return replace(outcome, answer=answer, ballot=ballot, candidates=tuple(candidates), cost=cost)


def _has_short_answer(problem: Problem) -> bool:
    if problem.form == "auto":
        return Question.of(problem.text).kind in {"number", "choice"}
    return problem.form in {"boxed", "choice"}


def _asked(
    silent: Sequence[Candidate], problem: Problem, policy: AskingPolicy, meter: Meter, *, seed: int
) -> Generator[Event, None, dict[int, Candidate]]:
    """These candidates with what they said when they were asked again, by index; without those that did not get to it.

    Raises:
        PromptTooLong: there is no room for what they are asked.
    """
    answers: dict[int, Candidate] = {}
    root = policy.start(problem)
    held = [root]
    given = sum(each.tokens for each in silent)
    try:
        if not meter.allows(root.prompt_tokens + given + BOX_TOKENS * len(silent)):
            return answers
        begin(root, policy, meter)
        meter.add(Cost(prompt_tokens=given, flops=2.0 * policy.parameters * given))
        asked = [
            policy.ask(root, each.text + (_CLOSE if thinks_on(each.text) else ""), each.thought) for each in silent
        ]
        held += asked
        requests = [
            Extend(prefix, (seed, problem.key, each.index), until="box", temperature=0.0)
            for prefix, each in zip(asked, silent, strict=True)
        ]
        for happenings in policy.extend(requests, stop=lambda tokens: not meter.allows(tokens)):
            for happening in happenings:
                if isinstance(happening, Extension):
                    held.append(happening.prefix)
                    meter.add(Cost(policy_tokens=happening.tokens, flops=2.0 * policy.parameters * happening.tokens))
                    if happening.prefix.ended is not Ended.CUT:
                        each = silent[happening.request]
                        answers[each.index] = _answering(each, asked[happening.request], happening)
            yield CostUpdated(meter.total())
    finally:
        policy.release(held)
    return answers


def _answering(candidate: Candidate, asked: Prefix, extension: Extension) -> Candidate:
    """A candidate with what it said at last."""
    grown = extension.prefix
    steps = grown.steps[len(asked.steps) :]
    said = (ASK if asked.steps else "\n\n") + "".join(step.text for step in steps)
    known = candidate.logprob is not None and all(step.logprob is not None for step in steps)
    logprob = (candidate.logprob or 0.0) + sum(step.logprob or 0.0 for step in steps) if known else None
    stated = Prefix(grown.problem, 0, steps=(Step(said, extension.tokens, None),), ended=Ended.STOP)
    return replace(
        candidate,
        text=candidate.text + said,
        answer=answer_of(stated) if extract_answer(said) is not None else None,
        tokens=candidate.tokens + extension.tokens,
        logprob=logprob,
        asked_again=True,
    )
