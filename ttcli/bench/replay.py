"""How a method went on a problem, as a tree for a report, from the events and the outcome that the store kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

Correct = Callable[[str | None], bool]


class Node(TypedDict):
    """A text in a search; what has grown out of it are its children."""

    name: str
    text: NotRequired[str]
    answer: NotRequired[str | None]  # missing: it has not come to its end
    right: NotRequired[bool]
    score: NotRequired[float | None]  # in [0, 1]
    ended: NotRequired[str]
    tokens: NotRequired[int]
    children: list[Node]


def replay(name: str, events: Sequence[str], outcome: Mapping[str, Any] | None, correct: Correct) -> Node:
    """The root, under which candidates stand in the order in which they were begun.

    Where there are no events the candidates of the outcome stand in for them. Events of a kind that this does not know
    are passed over.
    """
    candidates: dict[int, Node] = {}
    for text in events:
        event = json.loads(text)
        if event["event"] == "opened":
            candidates.setdefault(event["candidate"], _begun(event["candidate"]))
        elif event["event"] in ("drawn", "scored"):
            candidate = event["candidate"]
            candidates.setdefault(candidate["index"], _begun(candidate["index"])).update(_ended(candidate, correct))
    if not candidates and outcome:
        candidates = {each["index"]: _ended(each, correct) for each in outcome["candidates"]}
    return Node(name=name, children=[*candidates.values()])


def _begun(index: int) -> Node:
    return Node(name=f"candidate {index + 1}", children=[])


def _ended(candidate: Mapping[str, Any], correct: Correct) -> Node:
    answer = candidate["answer"]
    return Node(
        name=f"candidate {candidate['index'] + 1}",
        text=candidate["text"],
        answer=answer,
        right=correct(answer),
        score=candidate["score"],
        ended=candidate["ended"],
        tokens=candidate["tokens"],
        children=[],
    )
