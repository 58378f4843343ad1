"""Runs, outcomes and events read back from the JSON objects that `record.py` makes of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from ttcli.cost import Budget, Cost
from ttcli.errors import UsageError
from ttcli.events import (
    CandidateFinished,
    CandidateScored,
    CandidateStarted,
    CostUpdated,
    Event,
    MethodChosen,
    Outcome,
    RunFinished,
    RunStarted,
    StepFinished,
    StepScored,
    StepsSelected,
    StepStarted,
    TextMended,
    VoteUpdated,
)
from ttcli.problem import Problem
from ttcli.record.encode import KINDS, VERSION
from ttcli.solution import Node

_NAMES = {int: "whole number", float: "number", str: "text", bool: "truth value"}
_TICK = 0.1  # seconds
_EVENTS = {
    KINDS[kind]: kind
    for kind in (
        CandidateStarted,
        StepStarted,
        TextMended,
        StepFinished,
        StepScored,
        StepsSelected,
        MethodChosen,
        CandidateFinished,
        CandidateScored,
        VoteUpdated,
    )
}


class Recorded(NamedTuple):
    """A run as it was recorded."""

    began: RunStarted
    events: tuple[Event, ...]  # between its first and its last
    outcome: Outcome

    def tell(self) -> Iterator[Event]:
        """The whole run."""
        yield self.began
        yield from self.events
        yield RunFinished(self.outcome)

    def paced(self, speed: float) -> Iterator[tuple[float, Event]]:
        """The whole run, each event with the seconds to wait before it.

        At speed 1 it takes as long as it took then. When each thing happened is not on record: the time is shared out
        by tokens, and a `CostUpdated` every tenth of a second says how far it has come.
        """
        cost = self.outcome.cost
        all_tokens = sum(map(_tokens, self.events))
        spent = Cost(prompt_tokens=cost.prompt_tokens, generations=cost.generations if self.outcome.tree else 0)
        for event in self.tell():
            if isinstance(event, CandidateStarted):
                spent += Cost(generations=1)
            if tokens := _tokens(event):
                seconds = cost.seconds * tokens / all_tokens
                ticks = max(1, round(seconds / speed / _TICK))
                for tick in range(1, ticks + 1):
                    share = Cost(policy_tokens=tokens * tick // ticks, seconds=seconds * tick / ticks)
                    yield seconds / speed / ticks, CostUpdated(spent + share)
                spent += Cost(policy_tokens=tokens, seconds=seconds)
            yield 0.0, event


def _tokens(event: Event) -> int:
    """What an event tells to have been drawn."""
    match event:
        case StepFinished(node=node):
            return node.tokens
        case CandidateFinished(candidate=candidate) if candidate.node is None:
            return candidate.tokens
    return 0


def read_record(content: object, source: str) -> Recorded:
    """A run from what `ttc solve --json` printed; its events are those that its outcome gives away.

    Raises:
        UsageError: `content` is no such record.
    """
    hint = "ttc solve --json prints one"
    if not isinstance(content, dict) or "version" not in content or "candidates" not in content:
        raise UsageError(f"{source} is no record of ttc solve", hint=hint)
    if content["version"] != VERSION:
        raise UsageError(
            f"{source} is a record of version {content['version']!r}, and this ttc reads version {VERSION}",
            hint="the ttc that wrote it shows it",
        )
    try:
        outcome = read_outcome(content)
        began = RunStarted(
            Problem(_read(str, content["problem"])),
            _read(str, content["method"]),
            _read(str, content["model"]),
            _read(str | None, content["verifier"]),
            Budget.parse(_read(str, content["budget"])),
            _read(int, content["seed"]),
            _read(str | None, content.get("repair")),
            _read(str | None, content.get("reviser")),
        )
    except (ValueError, KeyError, UsageError) as error:
        raise UsageError(f"{source} is no whole record of ttc solve: {_reason(error)}", hint=hint) from error
    return Recorded(began, tuple(retell(outcome)), outcome)


def read_outcome(content: Mapping[str, Any]) -> Outcome:
    """What a run came to.

    Raises:
        ValueError, KeyError: `content` is no such record, or contradicts itself.
    """
    outcome: Outcome = _read(
        Outcome,
        {
            "answer": content["answer"],
            "ballot": {"votes": content["votes"], "abstained": content["no_answer"]},
            "candidates": content["candidates"],
            "cost": content["cost"],
            "stopped": content["stopped"],
            "tree": content.get("tree", []),
            "chose": content.get("chose"),
        },
    )
    _check(outcome)
    return outcome


def read_event(content: Mapping[str, Any]) -> Event:
    """What happened.

    Raises:
        ValueError, KeyError: `content` is no event of those that are kept.
    """
    kind = _EVENTS[content["event"]]
    made: Event = _read(kind, {key: value for key, value in content.items() if key != "event"})
    return made


def retell(outcome: Outcome) -> Iterator[Event]:
    """How a run went, as far as its outcome tells: round by round, then the candidates one after the other."""
    if outcome.chose:
        yield outcome.chose
    grown = {node.parent for node in outcome.tree} | {each.node for each in outcome.candidates}
    for number, nodes in enumerate(_rounds(outcome.tree), 1):
        for node in nodes:
            yield StepStarted(node.number, node.parent, node.rollout)
        for node in nodes:
            yield StepFinished(replace(node, score=None, pruned=False))
            if node.score is not None:
                yield StepScored(node.number, node.score)
        kept = [node.number for node in nodes if node.number in grown and not (node.pruned or node.rollout)]
        yield StepsSelected(number, tuple(kept), tuple(node.number for node in nodes if node.pruned))
    for candidate in outcome.candidates:
        if candidate.node is None:
            yield CandidateStarted(candidate.index)
        yield CandidateFinished(candidate)
    yield VoteUpdated(outcome.ballot)


def _rounds(tree: Sequence[Node]) -> list[list[Node]]:
    """The steps by round: the first that grows from a step of this round opens the next one."""
    rounds: list[list[Node]] = []
    for node in tree:
        if not rounds or (not node.rollout and node.parent >= rounds[-1][0].number):
            rounds.append([])
        rounds[-1].append(node)
    return rounds


def as_tree(outcome: Outcome) -> Outcome:
    """The outcome with every candidate at the end of a path: those drawn in one go are steps under the prompt."""
    first = max((node.number for node in outcome.tree), default=0) + 1
    numbers = itertools.count(first)
    placed = [
        replace(candidate, node=next(numbers)) if candidate.node is None else candidate
        for candidate in outcome.candidates
    ]
    own = [
        Node(each.node, 0, each.text, each.tokens, each.logprob, each.ended, each.score)
        for each in placed
        if each.node is not None and each.node >= first
    ]
    return replace(outcome, candidates=tuple(placed), tree=(*outcome.tree, *own))


def _check(outcome: Outcome) -> None:
    """That whatever refers to something refers to what is there, and no step grows from a later one."""
    numbers, last = {0}, 0
    for node in outcome.tree:
        if node.number <= last or node.parent not in numbers:
            raise ValueError(f"step {node.number} from step {node.parent} is out of order")
        last = node.number
        numbers.add(last)
    indices = [candidate.index for candidate in outcome.candidates]
    if indices != sorted({*indices}) or min(indices, default=0) < 0:
        raise ValueError("the candidates are out of order")
    if any(candidate.node is not None and candidate.node not in numbers - {0} for candidate in outcome.candidates):
        raise ValueError("a candidate ends at no step")
    for vote in outcome.ballot.votes:
        if not vote.members or not {*vote.members} <= {*indices}:
            raise ValueError("a vote is of no candidate")
    for score in [each.score for each in outcome.tree] + [candidate.score for candidate in outcome.candidates]:
        if score is not None and not 0 <= score <= 1:
            raise ValueError(f"{score} is no score between 0 and 1")


def _read(kind: Any, value: Any) -> Any:
    """JSON as a value of a type: a dataclass, a tuple, an enumeration, a number, a truth value, a text, or None.

    Raises:
        ValueError: it is none.
    """
    if isinstance(kind, UnionType):
        wanted = next(get_arg for get_arg in get_args(kind) if get_arg is not NoneType)
        return None if value is None else _read(wanted, value)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{value!r:.40} is no list")
        return tuple(_read(get_args(kind)[0], each) for each in value)
    if is_dataclass(kind):
        return _dataclass(kind, value)
    if issubclass(kind, StrEnum):
        return kind(value)
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if kind is float or type(value) is not kind:
        raise ValueError(f"{value!r:.40} is no {_NAMES[kind]}")
    return value


def _dataclass(kind: Any, value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r:.40} is no {kind.__name__.lower()}")
    made = {}
    for name, (hint, needed) in _fields(kind).items():
        if name in value:
            made[name] = _read(hint, value[name])
        elif needed:
            raise ValueError(f"a {kind.__name__.lower()} has no {name}")
    return kind(**made)


@cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Type of each field, and whether it must be there."""
    hints = get_type_hints(kind)
    return {field.name: (hints[field.name], field.default is MISSING) for field in fields(kind)}


def _reason(error: Exception) -> str:
    return f"it has no {error.args[0]}" if isinstance(error, KeyError) else str(error)
