"""A search tree as a display knows it, kept up to date event by event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ttcli.events import Outcome, StepFinished, StepScored, StepsSelected, StepStarted, StepToken, TextMended
from ttcli.solution import Candidate, Ended, Node, Repair

TAIL = 400  # characters kept of a text: more than any terminal shows of it
ROOT = 0  # the number of the prompt
THINKING = "(thinking)"  # what is shown of a thought


def grown_tail(tail: str, text: str, *, thought: bool) -> str:
    """The end of a text that has grown by a token, or in the place of its thought a word that says so."""
    if thought:
        return tail or THINKING
    return (tail.removeprefix(THINKING) + text)[-TAIL:]


@dataclass(slots=True)
class Subtree:
    """A step."""

    number: int
    parent: int
    depth: int  # steps from the prompt
    rollout: bool = False
    tail: str = ""  # the end of its text
    tokens: int = 0
    score: float | None = None  # in [0, 1]
    ended: Ended | None = None  # None: it grows
    pruned: bool = False
    dead: bool = False  # all that grew from it is pruned
    candidate: Candidate | None = None  # that ends here
    children: list[int] = field(default_factory=list)
    alive: int = 0  # children that are neither pruned nor dead
    lost: int = 0  # children that are, rollouts not counted
    best_lost: float | None = None  # highest score of those


def struck(repair: Repair) -> str:
    """What the model wrote, struck out as Markdown does it."""
    return f"~~{repair.wrote}~~ "


def mended(tail: str, repair: Repair) -> str:
    """The end of a text that grows, after a repair: what it wrote struck out, what it is to read behind it."""
    gone = len(repair.wrote) + len(repair.dropped)
    kept = tail[: max(0, len(tail) - gone)] if gone else tail
    return (kept + struck(repair) + repair.mended)[-TAIL:]


@dataclass(slots=True)
class Round:
    """The steps at one distance from the prompt, rollouts not counted."""

    steps: int = 0
    pruned: int = 0


class SearchTree:
    """Steps by number, and which of them the search is at; an event costs the same however large the tree is."""

    def __init__(self) -> None:
        self.branches = {ROOT: Subtree(ROOT, ROOT, 0, ended=Ended.OPEN)}
        self.growing: dict[int, None] = {}
        self.front: dict[int, None] = {}  # steps that nothing has grown from and that are not pruned, as they came
        self.rounds = [Round()]  # by distance from the prompt
        self.lengths: dict[int, int] = {}  # characters of each step that is complete
        self.won: tuple[
            int, ...
        ] = ()  # from the first step down to the end of the first candidate that gave the answer
        self.winners: frozenset[int] = frozenset()  # candidates that gave the answer

    def __bool__(self) -> bool:
        return len(self.branches) > 1

    def take(self, event: StepStarted | StepToken | TextMended | StepFinished | StepScored | StepsSelected) -> None:
        """Let an event change the tree."""
        match event:
            case StepStarted(node=number, parent=parent, rollout=rollout):
                self._fork(number, parent, rollout=rollout)
            case StepToken(node=number, text=text, thought=thought):
                branch = self.branches[number]
                branch.tokens += 1
                branch.tail = grown_tail(branch.tail, text, thought=thought)
            case TextMended(node=int() as number, repair=repair):
                self.branches[number].tail = mended(self.branches[number].tail, repair)
            case StepFinished(node=node):
                self._complete(node)
            case StepScored(node=number, score=score):
                self.branches[number].score = score
            case StepsSelected(kept=kept, pruned=pruned):
                self._select(kept, pruned)

    def end(self, candidate: Candidate) -> None:
        """Note the candidate that ends at a step."""
        if candidate.node is not None:
            self.branches[candidate.node].candidate = candidate

    def settle(self, outcome: Outcome) -> None:
        """Take over what the whole tree came to, and mark the way to the answer."""
        for node in outcome.tree:
            self._complete(node)
        self._select((), [node.number for node in outcome.tree if node.pruned])
        for number in list(self.growing):
            self._forget(self.branches[number])
        for candidate in outcome.candidates:
            self.end(candidate)
        leader = outcome.ballot.leader
        self.winners = frozenset(leader.members if leader else ())
        first = next((each.node for each in outcome.candidates if leader and each.index == leader.members[0]), None)
        if first is not None:
            self.won = tuple(reversed([*self.up(first)]))

    def shown(self, *, pruned: bool) -> list[Subtree]:
        """All steps by number; unless `pruned`, without those that were, and what was drawn to look ahead of them."""
        found: list[Subtree] = []
        waiting = [self.branches[ROOT]]
        while waiting:
            below = [self.branches[number] for number in waiting.pop().children]
            waiting += (kept := [each for each in below if pruned or not each.pruned])
            found += kept
        return sorted(found, key=lambda each: each.number)

    def up(self, number: int) -> Iterator[int]:
        """A step and those it grew from, the prompt left out."""
        while number != ROOT:
            yield number
            number = self.branches[number].parent

    def _fork(self, number: int, parent: int, *, rollout: bool) -> None:
        below = self.branches[parent]
        branch = Subtree(number, parent, below.depth + 1, rollout)
        self.branches[number] = branch
        if not rollout:  # what was drawn to look ahead of the parent is now one of its steps
            for child in below.children:
                self._adopt(self.branches[child])
        below.children.append(number)
        below.alive += 1
        self.front.pop(parent, None)
        self.front[number] = self.growing[number] = None
        self._round(branch).steps += not rollout

    def _complete(self, node: Node) -> None:
        branch = self.branches[node.number]
        self.lengths[node.number] = len(node.text)
        if not node.rollout:
            self._adopt(branch)
        branch.tail, branch.tokens, branch.ended = self._text(node)[-TAIL:], node.tokens, node.ended
        branch.score = branch.score if node.score is None else node.score
        self.growing.pop(node.number, None)

    def _text(self, node: Node) -> str:
        """What a step says, with what it said at first struck out; its repairs count from the beginning of its path."""
        text = node.text
        if not node.repairs:
            return text
        above = sum(self.lengths.get(number, 0) for number in self.up(node.parent))
        for repair in sorted(node.repairs, key=lambda each: -each.at):
            at = repair.at - above
            if 0 <= at <= len(text):
                text = f"{text[:at]}{struck(repair)}{text[at:]}"
        return text

    def _adopt(self, branch: Subtree) -> None:
        """A rollout that the search takes for a step like others."""
        if branch.rollout and not branch.pruned:
            branch.rollout = False
            self._round(branch).steps += 1

    def _select(self, kept: Iterable[int], pruned: Iterable[int]) -> None:
        given_up = [branch for number in pruned if not (branch := self.branches[number]).pruned]
        for branch in given_up:
            branch.pruned = True
            self._round(branch).pruned += not branch.rollout
            self._lose(branch)
        for number in kept:
            branch = self.branches[number]
            self._adopt(branch)
            if not branch.alive:  # what was drawn to look ahead of it is dropped
                self.front[number] = None
        for branch in given_up:
            self._wither(self.branches[branch.parent])

    def _wither(self, branch: Subtree) -> None:
        """A step of which nothing is left counts among what its own parent lost, and so on."""
        while branch.number != ROOT and not branch.alive and branch.number not in self.front and not branch.dead:
            branch.dead = True
            if not branch.pruned:
                self._lose(branch)
            branch = self.branches[branch.parent]

    def _lose(self, branch: Subtree) -> None:
        parent = self.branches[branch.parent]
        parent.alive -= 1
        if not branch.rollout:
            parent.lost += 1
            if branch.score is not None:
                parent.best_lost = max(branch.score, parent.best_lost or 0.0)
        waiting = [branch]  # with all that was drawn to look ahead of it
        while waiting:
            each = waiting.pop()
            self.front.pop(each.number, None)
            self.growing.pop(each.number, None)
            below = (self.branches[child] for child in each.children)
            waiting += (child for child in below if not (child.pruned or child.dead))

    def _forget(self, branch: Subtree) -> None:
        """It was begun when the run was stopped, before its first token."""
        parent = self.branches[branch.parent]
        parent.children.remove(branch.number)
        parent.alive -= 1
        if not parent.alive and not parent.lost and parent.number != ROOT:
            self.front[parent.number] = None
        self._round(branch).steps -= not branch.rollout
        del self.branches[branch.number], self.growing[branch.number], self.front[branch.number]

    def _round(self, branch: Subtree) -> Round:
        if branch.depth == len(self.rounds):
            self.rounds.append(Round())
        return self.rounds[branch.depth]
