"""How a method went on a problem, as a tree for a report, from the events and the outcome that the store kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

Correct = Callable[[str | None], bool]


class Node(TypedDict):
    """A text in a search; what has grown out of it are its children."""

    name: str
    text: NotRequired[str]
    answer: NotRequired[str | None]  # of a candidate that ends here; missing: none does
    right: NotRequired[bool]
    score: NotRequired[float | None]  # in [0, 1]
    ended: NotRequired[str]  # missing: it has not come to its end
    tokens: NotRequired[int]
    pruned: NotRequired[bool]  # the search gave it up
    rollout: NotRequired[bool]  # drawn to look ahead
    won: NotRequired[bool]  # on the way to the answer
    children: list[Node]


def replay(name: str, events: Sequence[str], outcome: Mapping[str, Any] | None, correct: Correct) -> Node:
    """The root, under which steps stand under those they grew from, and candidates in the order of beginning.

    Where there are no events the outcome stands in for them. Events of a kind that this does not know are passed over.
    """
    growth = _Growth(name, correct)
    for event in map(json.loads, events):
        growth.take(event)
    if outcome is not None:
        growth.settle(outcome)
    return growth.root


class _Growth:
    """The tree so far."""

    def __init__(self, name: str, correct: Correct) -> None:
        self._name = name
        self._correct = correct
        self._begin()

    def _begin(self) -> None:
        self.root = Node(name=self._name, children=[])
        self._steps: dict[int, Node] = {0: self.root}
        self._parents: dict[int, int] = {}
        self._candidates: dict[int, Node] = {}  # that were drawn in one go

    def take(self, event: Mapping[str, Any]) -> None:
        """Let an event change the tree."""
        match event["event"]:
            case "opened":
                self._candidate(event["candidate"])
            case "forked":
                self._fork(event["node"], event["parent"], rollout=event["rollout"])
            case "stepped":
                self._complete(event["node"])
            case "valued":
                self._steps[event["node"]]["score"] = event["score"]
            case "selected":
                self._prune(event["pruned"])
            case "drawn" | "scored":
                self._end(event["candidate"])

    def settle(self, outcome: Mapping[str, Any]) -> None:
        """What the events did not tell, and the way to the answer."""
        for node in outcome.get("tree", ()):
            if node["number"] not in self._steps:
                self._fork(node["number"], node["parent"], rollout=node["rollout"])
            self._complete(node)
            self._steps[node["number"]]["score"] = node["score"]
        self._prune(node["number"] for node in outcome.get("tree", ()) if node["pruned"])
        for candidate in outcome["candidates"]:
            self._end(candidate)
        for candidate in outcome["candidates"]:
            if candidate["index"] == outcome["winner"]:
                number = candidate.get("node") or 0
                while number:
                    self._steps[number]["won"] = True
                    number = self._parents[number]

    def _candidate(self, index: int) -> Node:
        if index not in self._candidates:
            self._candidates[index] = Node(name=f"candidate {index + 1}", children=[])
            self.root["children"].append(self._candidates[index])
        return self._candidates[index]

    def _fork(self, number: int, parent: int, *, rollout: bool) -> None:
        if number == 1:  # what an earlier attempt had come to is void
            self._begin()
        self._steps[number] = Node(name=f"step {number}", children=[])
        if rollout:
            self._steps[number]["rollout"] = True
        self._parents[number] = parent
        self._steps[parent]["children"].append(self._steps[number])

    def _complete(self, node: Mapping[str, Any]) -> None:
        step = self._steps[node["number"]]
        step["text"], step["tokens"], step["ended"] = node["text"], node["tokens"], node["ended"]
        if not node["rollout"]:
            step.pop("rollout", None)

    def _prune(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._steps[number]["pruned"] = True

    def _end(self, candidate: Mapping[str, Any]) -> None:
        number = candidate.get("node")
        node = self._candidate(candidate["index"]) if number is None else self._steps[number]
        if number is None:
            node["text"], node["tokens"] = candidate["text"], candidate["tokens"]
        node["answer"], node["right"] = candidate["answer"], self._correct(candidate["answer"])
        node["score"], node["ended"] = candidate["score"], candidate["ended"]
