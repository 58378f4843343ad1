"""A search on a problem as nested JSON for the page, from the outcome that the store kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NotRequired, TypedDict

Correct = Callable[[str | None], bool]


class TreeEntry(TypedDict):
    """A text in a search; what has grown out of it are its children."""

    name: str
    text: NotRequired[str]
    answer: NotRequired[str | None]  # of a candidate that ends here; missing: none does
    right: NotRequired[bool]
    score: NotRequired[float | None]  # in [0, 1]
    ended: NotRequired[str]
    tokens: NotRequired[int]
    pruned: NotRequired[bool]  # the search gave it up
    rollout: NotRequired[bool]  # drawn to look ahead
    won: NotRequired[bool]  # on the way to the answer
    children: list[TreeEntry]


def nested(name: str, outcome: Mapping[str, Any], correct: Correct) -> TreeEntry:
    """The root, under which steps stand under those they grew from, and then candidates that were drawn in one go.

    `outcome` is as `record.encode` makes it.
    """
    steps, parents = {0: TreeEntry(name=name, children=[])}, {}
    for each in outcome.get("tree", ()):
        parents[each["number"]] = each["parent"]
        steps[each["number"]] = _step(each)
        steps[each["parent"]]["children"].append(steps[each["number"]])
    for candidate in outcome["candidates"]:
        number = candidate.get("node") or 0
        node = steps[number] if number else _drawn(candidate)
        node["answer"], node["right"] = candidate["answer"], correct(candidate["answer"])
        node["score"], node["ended"] = candidate["score"], candidate["ended"]
        if not number:
            steps[0]["children"].append(node)
        if candidate["index"] == outcome["winner"]:
            _mark(steps, parents, number)
    return steps[0]


def _drawn(candidate: Mapping[str, Any]) -> TreeEntry:
    return TreeEntry(
        name=f"candidate {candidate['index'] + 1}", children=[], text=candidate["text"], tokens=candidate["tokens"]
    )


def _step(each: Mapping[str, Any]) -> TreeEntry:
    step = TreeEntry(name=f"step {each['number']}", children=[])
    if each["rollout"]:
        step["rollout"] = True
    step["text"], step["tokens"] = each["text"], each["tokens"]
    step["ended"], step["score"] = each["ended"], each["score"]
    if each["pruned"]:
        step["pruned"] = True
    return step


def _mark(steps: Mapping[int, TreeEntry], parents: Mapping[int, int], number: int) -> None:
    """The way from the prompt down to a step won."""
    while number:
        steps[number]["won"] = True
        number = parents[number]
